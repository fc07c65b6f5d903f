package awssim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Trail is how CloudTrail's event history tells what was done. Its zero value tells
// everything at once.
type Trail struct {
	// Delay is the longest time until an event appears. Each takes between half of
	// it and all, so that events appear out of order.
	Delay time.Duration `yaml:"delay"`
	// Lose is the chance that an event never appears.
	Lose float64 `yaml:"lose"`
	// LoseDeletes makes DeleteFunctionEventInvokeConfig a call that is not recorded:
	// whether AWS records it is not certain.
	LoseDeletes bool `yaml:"lose_deletes"`
}

// Who changes what a scenario or a test changes behind the API, where nobody else is
// named, and with what.
const (
	somebody   = "user/somebody"
	someClient = "console.amazonaws.com"
)

// eventsKept is how long the history goes back.
const eventsKept = 90 * 24 * time.Hour

// trailEvent is one call as the history keeps it.
type trailEvent struct {
	id       string
	name     string // with the version that CloudTrail appends
	at       time.Time
	arn      string // of who made the call
	key      string // access key id
	agent    string
	function string         // as it was spelt
	input    map[string]any // requestParameters
	output   map[string]any // responseElements; may be nil
	code     string         // of the error of a call that failed
}

// rank sorts the history as it is shown: the newest first, and within a second in an
// order that means nothing.
func (e *trailEvent) rank() string {
	return fmt.Sprintf("%020d/%s", 1<<40-e.at.Unix(), e.id)
}

// appendEvent appends an event to the history of a region. The region is locked.
func (s *regionState) appendEvent(e trailEvent) {
	s.events++
	e.id = uuid(newRNG(s.seed, "event", s.account, s.region).nth(s.events))
	s.history = append(s.history, e)
	if n := len(s.history); n > 1 && e.at.Before(s.history[n-2].at) {
		slices.SortStableFunc(s.history, func(a, b trailEvent) int { return a.at.Compare(b.at) })
	}
	if old := e.at.Add(-eventsKept); s.history[0].at.Before(old) && len(s.history)%64 == 0 {
		s.history = slices.DeleteFunc(s.history, func(e trailEvent) bool { return e.at.Before(old) })
	}
}

// behind notes what was changed behind the API. By is an ARN's resource, such as
// user/NAME or role/NAME.
func (s *regionState) behind(at time.Time, name, function, qualifier, by, agent string, input map[string]any) {
	if input == nil {
		input = map[string]any{}
	}
	input["functionName"] = function
	if qualifier != "" && qualifier != latest {
		input["qualifier"] = qualifier
	}
	kind, rest, _ := strings.Cut(cmp.Or(by, somebody), "/")
	arn := "arn:" + partition(s.region) + ":iam::" + s.account + ":" + kind + "/" + rest
	if kind == "role" {
		arn = "arn:" + partition(s.region) + ":sts::" + s.account + ":assumed-role/" + rest
		if !strings.Contains(rest, "/") {
			arn += "/session"
		}
	} else if rest == "" {
		arn = "arn:" + partition(s.region) + ":iam::" + s.account + ":" + kind
	}
	s.appendEvent(trailEvent{
		name: name, at: at, arn: arn, key: "ASIA" + s.account, agent: cmp.Or(agent, someClient), function: function, input: input,
	})
}

// record notes a write over the API. What the quota or a fault turned away never
// became a call.
func (q *request) record(apiErr *apiError) {
	if !q.op.write {
		return
	}
	input := map[string]any{"functionName": q.function}
	if q.qualifier != "" {
		input["qualifier"] = q.qualifier
	}
	var body map[string]any
	if json.Unmarshal(q.body, &body) == nil {
		for k, v := range body {
			if k != "" {
				input[lowerFirst(k)] = v
			}
		}
	}
	e := trailEvent{
		name: q.op.name, at: q.now, arn: q.identity.arn, key: q.key, agent: q.agent, function: q.function, input: input,
	}
	if apiErr != nil {
		e.code, e.input = apiErr.code, nil
	}
	q.state.mu.Lock()
	defer q.state.mu.Unlock()
	q.state.appendEvent(e)
}

// userIdentity is who made a call, as records say it.
func (e *trailEvent) userIdentity(account string) (identity map[string]any, username string) {
	resource := e.arn[strings.LastIndexByte(e.arn, ':')+1:]
	parts := strings.Split(resource, "/")
	last := parts[len(parts)-1]
	identity = map[string]any{"arn": e.arn, "accountId": account, "accessKeyId": e.key, "principalId": "AIDA" + account}
	switch {
	case parts[0] == "assumed-role" && len(parts) > 2:
		role := strings.Replace(e.arn[:strings.LastIndexByte(e.arn, ':')], ":sts:", ":iam:", 1) + ":role/" + parts[1]
		identity["type"], identity["principalId"] = "AssumedRole", "AROA"+account+":"+last
		identity["sessionContext"] = map[string]any{"sessionIssuer": map[string]any{
			"type": "Role", "principalId": "AROA" + account, "arn": role, "accountId": account, "userName": parts[1],
		}}
	case resource == "root":
		identity["type"] = "Root"
	default:
		identity["type"], identity["userName"] = "IAMUser", last
	}
	if strings.HasSuffix(e.agent, ".amazonaws.com") && e.agent != someClient {
		identity["invokedBy"] = e.agent
	}
	return identity, last
}

// lookupEvent is an event as LookupEvents answers it.
type lookupEvent struct {
	EventId, EventName, ReadOnly, AccessKeyId string
	EventTime                                 int64
	EventSource, Username                     string
	Resources                                 []lookupResource
	CloudTrailEvent                           string
}

type lookupResource struct{ ResourceType, ResourceName string }

func (e *trailEvent) show(s *regionState) lookupEvent {
	identity, username := e.userIdentity(s.account)
	source := "192.0.2.1"
	if by, ok := identity["invokedBy"].(string); ok {
		source = by
	}
	record := map[string]any{
		"eventVersion": "1.11", "userIdentity": identity, "eventTime": e.at.UTC().Format(time.RFC3339),
		"eventSource": "lambda.amazonaws.com", "eventName": e.name, "awsRegion": s.region, "sourceIPAddress": source,
		"userAgent": e.agent, "requestParameters": e.input, "responseElements": e.output, "requestID": e.id, "eventID": e.id,
		"readOnly": false, "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": s.account, "eventCategory": "Management",
	}
	if e.code != "" {
		record["errorCode"], record["errorMessage"] = e.code, "refused"
	}
	n, _ := parseName(e.function)
	return lookupEvent{
		EventId: e.id, EventName: e.name, ReadOnly: "false", AccessKeyId: e.key, EventTime: e.at.Unix(), EventSource: "lambda.amazonaws.com",
		Username: username, CloudTrailEvent: string(encode(record)),
		Resources: []lookupResource{{"AWS::Lambda::Function", cmp.Or(n.name, e.function)}},
	}
}

// attributes are what a lookup can ask by, and where an event has it.
var attributes = map[string]func(lookupEvent) string{
	"EventId":      func(e lookupEvent) string { return e.EventId },
	"EventName":    func(e lookupEvent) string { return e.EventName },
	"EventSource":  func(e lookupEvent) string { return e.EventSource },
	"ReadOnly":     func(e lookupEvent) string { return e.ReadOnly },
	"Username":     func(e lookupEvent) string { return e.Username },
	"AccessKeyId":  func(e lookupEvent) string { return e.AccessKeyId },
	"ResourceType": func(e lookupEvent) string { return e.Resources[0].ResourceType },
	"ResourceName": func(e lookupEvent) string { return e.Resources[0].ResourceName },
}

const maxLookup = 50

type lookupQuery struct {
	LookupAttributes   []struct{ AttributeKey, AttributeValue string }
	StartTime, EndTime *float64
	EventCategory      string
	MaxResults         *int
	NextToken          string
}

func (t *lookupQuery) check() *apiError {
	if n := t.MaxResults; n != nil && (*n < 1 || *n > maxLookup) {
		return badRequest("InvalidMaxResultsException", "This exception is thrown if the limit specified is not valid.")
	}
	if len(t.LookupAttributes) > 1 {
		return badRequest("InvalidLookupAttributesException", "Only one lookup attribute is allowed.")
	}
	for _, a := range t.LookupAttributes {
		if attributes[a.AttributeKey] == nil || a.AttributeValue == "" {
			return badRequest("InvalidLookupAttributesException", "The lookup attribute "+a.AttributeKey+" is not valid.")
		}
	}
	if t.StartTime != nil && t.EndTime != nil && *t.StartTime > *t.EndTime {
		return badRequest("InvalidTimeRangeException", "The start time is after the end time.")
	}
	return nil
}

// lookupEvents tells what was done, as much of it as has appeared.
func (w *World) lookupEvents(q *request, t lookupQuery) (any, *apiError) {
	if apiErr := t.check(); apiErr != nil {
		return nil, apiErr
	}
	token := t.NextToken
	t.NextToken = ""
	q.scope = string(bytes.ReplaceAll(encode(t), []byte("\n"), nil)) // a token is good for these parameters only
	after, ok := q.openMarker(token)
	if !ok && token != "" {
		return nil, badRequest("InvalidNextTokenException", "The token is not valid, or the parameters are not those that it was given for.")
	}
	size := maxLookup
	if t.MaxResults != nil {
		size = *t.MaxResults
	}
	var found []*trailEvent
	if t.EventCategory == "" {
		found = q.state.shown(w.trail, q.now, &t)
	}
	if ok {
		i, _ := slices.BinarySearchFunc(found, after, func(e *trailEvent, after string) int { return cmp.Or(strings.Compare(e.rank(), after), -1) })
		found = found[i:]
	}
	events, next := firstPage(w, q, found, size, (*trailEvent).rank, func(e *trailEvent) lookupEvent { return e.show(q.state) })
	return struct {
		Events    []lookupEvent
		NextToken *string `json:",omitempty"`
	}{events, next}, nil
}

// shown are the events that a lookup finds, the newest first.
func (s *regionState) shown(t Trail, now time.Time, l *lookupQuery) []*trailEvent {
	var found []*trailEvent
	oldest := now.Add(-eventsKept)
	for i := range s.history {
		e := &s.history[i]
		d := newRNG(s.seed, "trail", e.id)
		wait := time.Duration(float64(t.Delay) * (1 + d.fraction("delay")) / 2)
		switch {
		case e.at.Before(oldest), now.Before(e.at.Add(wait)), d.hits("lose", t.Lose),
			t.LoseDeletes && e.name == "DeleteFunctionEventInvokeConfig",
			l.StartTime != nil && float64(e.at.Unix()) < *l.StartTime,
			l.EndTime != nil && float64(e.at.Unix()) > *l.EndTime:
			continue
		}
		if len(l.LookupAttributes) == 1 {
			a := l.LookupAttributes[0]
			if a.AttributeKey == "EventName" { // without making the whole record
				if e.name != a.AttributeValue {
					continue
				}
			} else if attributes[a.AttributeKey](e.show(s)) != a.AttributeValue {
				continue
			}
		}
		found = append(found, e)
	}
	slices.SortFunc(found, func(a, b *trailEvent) int { return strings.Compare(a.rank(), b.rank()) })
	return found
}

func (c *validator) trail(t Trail) {
	c.require(t.Delay >= 0, "trail.delay", "a delay cannot be negative; write a duration such as 5m")
	c.chance("trail.lose", t.Lose)
}

// lookupRate is the limit of LookupEvents, apart from Lambda's. It cannot be raised.
const lookupRate = 2
