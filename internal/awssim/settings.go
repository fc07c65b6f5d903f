package awssim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// setting is one row of the table of settings, which the tags of [Record] are:
// scenarios, requests, checks and answers loop over it.
type setting struct {
	index     int    // of its field in Record
	yaml      string // its key in a scenario
	group     string // the object that holds it on the wire, "" for none
	name      string // its key on the wire
	low, high int    // of a number
	// A destination is an object with an ARN on the wire; s3 says that it may be a bucket.
	destination, s3 bool
}

var settings = settingsOf(reflect.TypeFor[Record]())

func settingsOf(record reflect.Type) []setting {
	var table []setting
	for i := range record.NumField() {
		field := record.Field(i)
		tag := field.Tag
		wire, ok := tag.Lookup("wire")
		if !ok {
			continue
		}
		s := setting{index: i, yaml: tag.Get("yaml"), name: wire, destination: field.Type.Kind() == reflect.String, s3: tag.Get("takes") == "s3"}
		if group, name, nested := strings.Cut(wire, "."); nested {
			s.group, s.name = group, name
		}
		if bounds := tag.Get("range"); bounds != "" {
			if _, err := fmt.Sscanf(bounds, "%d-%d", &s.low, &s.high); err != nil {
				panic("awssim: range of " + wire + ": " + err.Error())
			}
		}
		table = append(table, s)
	}
	return table
}

// field points at the setting in a record: a **int or, for a destination, a *string.
func (s setting) field(r *Record) any {
	return reflect.ValueOf(r).Elem().Field(s.index).Addr().Interface()
}

// path is how a refusal names the setting.
func (s setting) path() string {
	path := lowerFirst(s.name)
	if s.group != "" {
		path = lowerFirst(s.group) + "." + path
	}
	if s.destination {
		path += ".destination"
	}
	return path
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// change is the body of Put and Update.
type change struct {
	values Record
	given  []bool          // by row of the table: the body has a value
	groups map[string]bool // the objects that the body names
	// empty says that nothing at all was sent. A destination side with nothing in
	// it is something: a Put of it makes an empty record.
	empty bool
}

// readChange reads a body. JSON null is "left out".
func readChange(body []byte) (*change, error) {
	c := &change{given: make([]bool, len(settings)), groups: map[string]bool{}, empty: true}
	if len(body) == 0 {
		return c, nil
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(body, &top); err != nil {
		return nil, err
	}
	for i, s := range settings {
		object := top
		if s.group != "" {
			object = nil
			if raw := top[s.group]; raw != nil {
				if err := json.Unmarshal(raw, &object); err != nil {
					return nil, err
				}
			}
			c.groups[s.group] = object != nil
		}
		raw := object[s.name]
		if raw == nil || string(raw) == "null" {
			continue
		}
		c.empty = false
		switch field := s.field(&c.values).(type) {
		case **int:
			if err := json.Unmarshal(raw, field); err != nil {
				return nil, err
			}
			c.given[i] = true
		case *string:
			var side struct{ Destination *string }
			if err := json.Unmarshal(raw, &side); err != nil {
				return nil, err
			}
			if c.given[i] = side.Destination != nil; c.given[i] {
				*field = *side.Destination
			}
		}
	}
	return c, nil
}

// over lays what the body gives over a record. With replaceGroups, an object
// that the body names loses what the body leaves out of it.
func (c *change) over(r Record, replaceGroups bool) Record {
	to, from := reflect.ValueOf(&r).Elem(), reflect.ValueOf(c.values)
	for i, s := range settings {
		if c.given[i] || replaceGroups && c.groups[s.group] {
			to.Field(s.index).Set(from.Field(s.index))
		}
	}
	return r
}

// check tells which values break the constraints that stand before all else.
func (c *change) check(broken *constraints) {
	for _, s := range settings {
		switch value := s.field(&c.values).(type) {
		case **int:
			if *value != nil {
				broken.number(**value, s.path(), s.low, s.high)
			}
		case *string:
			broken.destination(*value, s.path())
		}
	}
}

// wireRecord is a record on the wire: every key is there, in the order of the
// table, and null when not set.
func wireRecord(arn string, r Record) json.RawMessage {
	b := fmt.Appendf(nil, `{"LastModified":%s,"FunctionArn":%s`, encode(epoch(r.LastModified)), encode(arn))
	group, end := "", ""
	for _, s := range settings {
		separator := ","
		if s.group != group {
			b = append(b, end...)
			if group, end = s.group, ""; group != "" {
				b = fmt.Appendf(b, ",%q:", group)
				separator, end = "{", "}"
			}
		}
		value := encode(s.field(&r))
		if s.destination && string(value) == `""` {
			value = []byte("null")
		}
		if s.destination {
			value = fmt.Appendf(nil, `{"Destination":%s}`, value)
		}
		b = fmt.Appendf(b, "%s%q:%s", separator, s.name, value)
	}
	return append(append(b, end...), '}')
}

// checkDestinations is what AWS looks at when destinations are written.
func (w *World) checkDestinations(q *request, n ref, f *function, c *change) *apiError {
	var sides, arns []string
	ok := true
	for _, s := range settings {
		if arn, is := s.field(&c.values).(*string); is {
			side := "null"
			if *arn != "" {
				side = s.name + "(destination=" + *arn + ")"
				arns = append(arns, *arn)
			}
			sides = append(sides, lowerFirst(s.name)+"="+side)
			ok = ok && supported(*arn, s.s3)
		}
	}
	if !ok {
		return invalidParameter("The provided destination config DestinationConfig(" + strings.Join(sides, ", ") + ") is invalid.")
	}
	for _, arn := range arns {
		if apiErr := cmp.Or(w.checkDestination(q, n, arn), w.checkSender(q, f, arn)); apiErr != nil {
			return apiErr
		}
	}
	return nil
}

// roleVerbs are what a refusal says the role may not call, by service.
var roleVerbs = map[string]string{"sqs": "SendMessage", "sns": "Publish", "lambda": "InvokeFunction", "events": "PutEvents"}

// checkSender is whether the function's role may send to a destination.
func (w *World) checkSender(q *request, f *function, arn string) *apiError {
	i := slices.IndexFunc(q.account.Senders, func(s Sender) bool { return s.Role == f.role })
	if i < 0 {
		return nil
	}
	if s := q.account.Senders[i]; includes(s.To, arn) && !q.now.Before(w.started.Add(s.After)) {
		return nil
	}
	service, _, _ := splitARN(arn)
	if verb := roleVerbs[service]; verb != "" {
		return invalidParameter("The function execution role does not have permissions to call " + verb + " on " + arn)
	}
	return invalidParameter("Error occurred while ListBucket. S3 Error Code: 403 Forbidden. S3 Error Message: Forbidden")
}

// splitARN takes apart arn:partition:service:region:account:resource. AWS's package for it is
// what the code under test uses, whose mistakes are not to be shared.
func splitARN(arn string) (service, account, resource string) {
	if p := strings.SplitN(arn, ":", 6); len(p) == 6 && p[0] == "arn" {
		return p[2], p[4], p[5]
	}
	return "", "", ""
}

// supported says whether a destination is of a kind that the setting takes. None is.
func supported(arn string, s3 bool) bool {
	service, _, resource := splitARN(arn)
	kinds := []string{"sqs", "sns", "lambda", "events"}
	if s3 {
		kinds = append(kinds, "s3")
	}
	return arn == "" || slices.Contains(kinds, service) && resource != "" && !(service == "sqs" && strings.HasSuffix(resource, ".fifo"))
}

func (w *World) checkDestination(q *request, n ref, arn string) *apiError {
	bad := invalidParameter("The destination ARN " + arn + " is invalid.")
	service, account, resource := splitARN(arn)
	switch service {
	case "lambda":
		d, ok := parseName(arn)
		d.qualifier = cmp.Or(d.qualifier, latest)
		switch f := q.state.functions[d.name]; {
		case !ok:
			return bad
		case d.account != q.account.Account || d.region != q.region:
			return nil // what AWS makes of a function elsewhere was not recorded
		case d.name == n.name && d.qualifier == n.qualifier:
			return invalidParameter("You can't specify the function as a destination for itself.")
		case f == nil || !f.hasQualifier(d.qualifier):
			return bad
		}
	case "events":
		bus, isBus := strings.CutPrefix(resource, "event-bus/")
		if !isBus || account != q.account.Account || strings.HasPrefix(bus, "aws.partner/") {
			return bad
		}
	case "s3":
		bucket, _, _ := strings.Cut(resource, "/")
		if w.buckets[bucket] {
			return invalidParameter("Error occurred while ListBucket. S3 Error Code: 404 Not Found. S3 Error Message: Not Found")
		}
	}
	return nil
}
