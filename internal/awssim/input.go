package awssim

import (
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

func (c *constraints) length(value, path string, low, high int) {
	if len(value) < low {
		c.fail(value, path, "have length greater than or equal to "+strconv.Itoa(low))
	}
	if len(value) > high {
		c.fail(value, path, "have length less than or equal to "+strconv.Itoa(high))
	}
}

func (c *constraints) pattern(ok bool, value, path, pattern string) {
	if !ok {
		c.fail(value, path, "satisfy regular expression pattern: "+pattern)
	}
}

func (c *constraints) number(value *int, path string, low, high int) {
	if value == nil {
		return
	}
	if *value < low {
		c.fail(*value, path, "have value greater than or equal to "+strconv.Itoa(low))
	}
	if *value > high {
		c.fail(*value, path, "have value less than or equal to "+strconv.Itoa(high))
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

// items reads MaxItems and holds it to its limits; fallback is for none.
func (c *constraints) items(q *request, high, fallback int) int {
	text := q.query.Get("MaxItems")
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		c.fail(text, "maxItems", "be a number")
		return fallback
	}
	c.number(&n, "maxItems", 1, high)
	return n
}

// apiError is nil when nothing is broken.
func (c constraints) apiError() *apiError {
	switch len(c) {
	case 0:
		return nil
	case 1:
		return badRequest("ValidationException", "1 validation error detected: "+c[0])
	}
	return badRequest("ValidationException", fmt.Sprintf("%d validation errors detected: %s", len(c), strings.Join(c, "; ")))
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

// resolve takes the name and qualifier of a request to one function and one
// effective qualifier, as all operations on a function do before they look for it.
// The qualifier is "" when none was given.
func (q *request) resolve() (ref, *apiError) {
	n, _ := parseName(q.function)
	if n.qualifier != "" && q.qualifier != "" && n.qualifier != q.qualifier {
		return n, invalidParameter("The derived qualifier from the function name does not match the specified qualifier.")
	}
	if n.qualifier == "" {
		n.qualifier = q.qualifier
	}
	return n, q.checkReach(n)
}

// checkReach refuses a name of another region or account than the caller's.
func (q *request) checkReach(n ref) *apiError {
	if n.account != "" && n.account != q.account.id {
		return otherAccount
	}
	if n.region != "" && n.region != q.region {
		return notFound("Functions from '" + n.region + "' are not reachable in this region ('" + q.region + "')")
	}
	return nil
}

// page is a stretch of a listing.
type page struct {
	start, end int
	next       *string // marker of the rest; nil at the end
}

// page cuts one page from a listing of n things in the order of their ranks. A
// marker holds the rank of the last thing shown, so that a listing that changes
// between two pages neither skips nor repeats what stayed.
func (w *World) page(q *request, n, size int, rank func(int) string) (page, *apiError) {
	p := page{}
	if q.query.Has("Marker") {
		after, ok := q.openMarker(q.query.Get("Marker"))
		if !ok {
			return p, invalidParameter("Invalid pagination key.")
		}
		p.start = sort.Search(n, func(i int) bool { return rank(i) > after })
	}
	w.endPage(q, &p, n, size, rank)
	return p, nil
}

// endPage ends a page that has a start.
func (w *World) endPage(q *request, p *page, n, size int, rank func(int) string) {
	p.end = min(n, p.start+size)
	if p.end-p.start > 1 && q.rng.hits("short_page", w.currentFaults().ShortPage) {
		p.end -= (p.end - p.start) / 2
	}
	if p.end < n && p.end > p.start {
		marker := q.sealMarker(rank(p.end - 1))
		p.next = &marker
	} else if n > 0 && w.currentFaults().EndlessPages {
		again := q.sealMarker("")
		p.next = &again
	}
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
	n, _ := parseName(q.function)
	return n.name
}
