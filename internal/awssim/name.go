package awssim

import (
	"regexp"
	"strings"
)

const regionPart = `((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?`

// The patterns as the live service states them in its refusals.
const (
	configNamePattern = `(arn:(aws[a-zA-Z-]*)?:lambda:)?` + regionPart + `(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?`
	listNamePattern   = `(arn:(aws[a-zA-Z-]*)?:lambda:)?` + regionPart + `(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?`
	qualifierPattern  = `\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+`
)

// nameParts is configNamePattern with its parts named.
var nameParts = regexp.MustCompile(`^(?P<arn>arn:(?:aws[a-zA-Z-]*)?:lambda:)?` +
	`(?:(?P<region>(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d):)?(?:(?P<account>\d{12}):)?(?:function:)?` +
	`(?P<name>[a-zA-Z0-9-_.]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?$`)

// ref is a function's name in any of its forms, taken apart. What the form
// leaves out is "".
type ref struct{ region, account, name, qualifier string }

// parseName takes apart f, f:q, 123456789012:function:f, and full ARNs. An ARN
// without region or account matches the pattern, and is refused all the same.
func parseName(s string) (ref, bool) {
	if !strings.ContainsAny(s, ":") {
		return ref{name: s}, s != "" && strings.IndexFunc(s, notNameByte) < 0
	}
	m := nameParts.FindStringSubmatch(s)
	if m == nil || m[1] != "" && (m[2] == "" || m[3] == "") {
		return ref{}, false
	}
	return ref{region: m[2], account: m[3], name: m[4], qualifier: m[5]}, true
}

func notNameByte(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
}

// resolve takes the name and qualifier of a request to one function and one
// effective qualifier, as all operations on a function do before they look for it.
// The qualifier is "" when none was given.
func (q *request) resolve() (ref, *refusal) {
	n, _ := parseName(q.function)
	if n.qualifier != "" && q.qualifier != "" && n.qualifier != q.qualifier {
		return n, invalidParameter("The derived qualifier from the function name does not match the specified qualifier.")
	}
	if n.qualifier == "" {
		n.qualifier = q.qualifier
	}
	return n, q.reach(n)
}

// reach refuses a name of another region or account than the caller's.
func (q *request) reach(n ref) *refusal {
	if n.account != "" && n.account != q.account.id {
		return otherAccount()
	}
	if n.region != "" && n.region != q.region {
		return notFound("Functions from '" + n.region + "' are not reachable in this region ('" + q.region + "')")
	}
	return nil
}
