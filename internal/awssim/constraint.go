package awssim

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Limits of the API reference: PutFunctionEventInvokeConfig, ListFunctionEventInvokeConfigs.
const (
	minRetries, maxRetries = 0, 2
	minAge, maxAge         = 60, 21600
	maxConfigItems         = 50
	maxListItems           = 10000
	maxDestination         = 350
	maxQualifier           = 128
	maxConfigName          = 256
	maxListName            = 140
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

func (c *constraints) destination(value *string, path string) {
	if value == nil || *value == "" {
		return
	}
	c.length(*value, path, 0, maxDestination)
	c.pattern(wholeDestination.MatchString(*value), *value, path, destinationPattern)
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

// refusal is nil when nothing is broken.
func (c constraints) refusal() *refusal {
	switch len(c) {
	case 0:
		return nil
	case 1:
		return invalid("1 validation error detected: " + c[0])
	}
	return invalid(fmt.Sprintf("%d validation errors detected: %s", len(c), strings.Join(c, "; ")))
}
