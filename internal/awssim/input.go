package awssim

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// Limits of the API reference: PutFunctionEventInvokeConfig, ListFunctionEventInvokeConfigs.
const (
	maxConfigItems = 50
	maxListItems   = 10000
	maxDestination = 350
	maxQualifier   = 128
	maxConfigName  = 256
	maxListName    = 140
)

const destinationPattern = `$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)`

// AWS matches whole values.
var (
	wholeQualifier   = regexp.MustCompile(`^(?:` + qualifierPattern + `)$`)
	wholeListName    = regexp.MustCompile(`^(?:` + listNamePattern + `)$`)
	wholeDestination = regexp.MustCompile(`^(?:` + destinationPattern + `)$`)
)

// constraints collects what a request breaks, to be told in one answer.
type constraints []string

func (c *constraints) fail(value any, path, must string) {
	*c = append(*c, fmt.Sprintf("Value '%v' at '%s' failed to satisfy constraint: Member must %s", value, path, must))
}

func (c *constraints) bounds(value any, n int, path, what string, low, high int) {
	if n < low {
		c.fail(value, path, fmt.Sprintf("have %s greater than or equal to %d", what, low))
	}
	if n > high {
		c.fail(value, path, fmt.Sprintf("have %s less than or equal to %d", what, high))
	}
}

func (c *constraints) length(value, path string, low, high int) {
	c.bounds(value, len(value), path, "length", low, high)
}

func (c *constraints) number(value int, path string, low, high int) {
	c.bounds(value, value, path, "value", low, high)
}

func (c *constraints) pattern(ok bool, value, path, pattern string) {
	if !ok {
		c.fail(value, path, "satisfy regular expression pattern: "+pattern)
	}
}

// configName checks the name and the qualifier of an event invoke call, and of
// the others that take a NamespacedFunctionName.
func (c *constraints) configName(q *request) {
	c.length(q.function, "functionName", 1, maxConfigName)
	_, ok := parseName(q.function)
	c.pattern(ok, q.function, "functionName", configNamePattern)
	if q.query.Has("Qualifier") {
		c.length(q.qualifier, "qualifier", 1, maxQualifier)
		c.pattern(wholeQualifier.MatchString(q.qualifier), q.qualifier, "qualifier", qualifierPattern)
	}
}

// listName checks the name of ListAliases and ListVersionsByFunction, which know no dots.
func (c *constraints) listName(q *request) {
	c.length(q.function, "functionName", 1, maxListName)
	_, ok := parseName(q.function)
	c.pattern(ok && wholeListName.MatchString(q.function), q.function, "functionName", listNamePattern)
}

func (c *constraints) destination(value, path string) {
	c.length(value, path, 0, maxDestination)
	c.pattern(wholeDestination.MatchString(value), value, path, destinationPattern)
}

// defaultItems is the page of every listing when MaxItems is not given. AWS does not
// document it for ListAliases.
const defaultItems = 50

// items reads MaxItems and holds it to its limits.
func (c *constraints) items(q *request, high int) int {
	text := q.query.Get("MaxItems")
	if text == "" {
		return defaultItems
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		c.fail(text, "maxItems", "be a number")
		return defaultItems
	}
	c.number(n, "maxItems", 1, high)
	return n
}

// apiError is nil when nothing is broken.
func (c constraints) apiError() *apiError {
	if len(c) == 0 {
		return nil
	}
	text := fmt.Sprintf("%d validation errors detected: %s", len(c), strings.Join(c, "; "))
	if len(c) == 1 {
		text = "1 validation error detected: " + c[0]
	}
	return badRequest("ValidationException", text)
}

// resolve takes the name and qualifier of a request that breaks no constraint to
// one function and one effective qualifier, as all operations on a function do
// before they look for it. The qualifier is "" when none was given.
func (c constraints) resolve(q *request) (ref, *apiError) {
	if apiErr := c.apiError(); apiErr != nil {
		return ref{}, apiErr
	}
	n, _ := parseName(q.function)
	if n.qualifier != "" && q.qualifier != "" && n.qualifier != q.qualifier {
		return n, invalidParameter("The derived qualifier from the function name does not match the specified qualifier.")
	}
	n.qualifier = cmp.Or(n.qualifier, q.qualifier)
	return n, q.checkReach(n)
}

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

// checkReach refuses a name of another region or account than the caller's.
func (q *request) checkReach(n ref) *apiError {
	if n.account != "" && n.account != q.account.Account {
		return otherAccount
	}
	if n.region != "" && n.region != q.region {
		return notFound("Functions from '" + n.region + "' are not reachable in this region ('" + q.region + "')")
	}
	return nil
}

// listPage shows one page of a listing, which is in the order of its ranks, and
// the marker of the rest, nil at the end. A marker holds the rank of the last
// thing shown, so that a listing that changes between two pages neither skips nor
// repeats what stayed.
func listPage[T, S any](w *World, q *request, all []T, size int, rank func(T) string, show func(T) S) ([]S, *string, *apiError) {
	if q.query.Has("Marker") {
		after, ok := q.openMarker(q.query.Get("Marker"))
		if !ok {
			return nil, nil, invalidParameter("Invalid pagination key.")
		}
		all = all[sort.Search(len(all), func(i int) bool { return rank(all[i]) > after }):]
	}
	shown, next := firstPage(w, q, all, size, rank, show)
	return shown, next, nil
}

// firstPage is listPage for what is behind the marker already.
func firstPage[T, S any](w *World, q *request, all []T, size int, rank func(T) string, show func(T) S) ([]S, *string) {
	n, faults := min(len(all), size), w.now().faults
	if n > 1 && q.rng.hits("short_page", faults.ShortPage) {
		n -= n / 2
	}
	shown := make([]S, n)
	for i := range shown {
		shown[i] = show(all[i])
	}
	switch {
	case n < len(all) && n > 0:
		return shown, new(q.sealMarker(rank(all[n-1])))
	case faults.EndlessPages && len(all) > 0:
		return shown, new(q.sealMarker(""))
	}
	return shown, nil
}

// A marker is opaque, and good for one operation on one function only.
func (q *request) sealMarker(rank string) string {
	return base64.URLEncoding.EncodeToString([]byte(q.op.name + "\n" + q.markerScope() + "\n" + rank))
}

func (q *request) openMarker(marker string) (string, bool) {
	text, err := base64.URLEncoding.DecodeString(marker)
	if err != nil {
		return "", false
	}
	return strings.CutPrefix(string(text), q.op.name+"\n"+q.markerScope()+"\n")
}

func (q *request) markerScope() string {
	if q.scope != "" {
		return q.scope
	}
	n, _ := parseName(q.function)
	return n.name
}
