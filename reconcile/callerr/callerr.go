// Package callerr says what a failed request came to, for all that makes requests and all that
// tells of them.
//
// A Reader, Finder or Writer of package reconcile returns an *Error where it knows what its
// service answered: the Kind decides what a run does next, and the rest is for people.
package callerr

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind is what an error means to a run, whatever AWS called it.
type Kind uint8

// The kinds.
const (
	Unknown         Kind = iota // no Error, or one that nothing is known about
	FunctionMissing             // no such function, or for a Put no such qualifier
	RecordMissing               // the function is there, the record is not
	Denied                      // the caller lacks a permission
	Credentials                 // no credentials, or expired ones
	Refused                     // AWS refused the destination itself
	Role                        // AWS refused the destination because the function's role may not send to it
	Invalid                     // AWS refused the request for another reason
	Throttled                   // the quota was spent
	Conflict                    // the function was busy with another update
	Server                      // AWS failed, 5xx
	Transport                   // timeout or broken connection: a write may or may not have been done
	BadAnswer                   // an answer that cannot be understood or trusted

	// What ends a run, or the work on a target, without a failed request.
	FleetFile   // the fleet file cannot be used
	Guard       // more changes than the guard allows
	Incomplete  // not all was examined
	ErrorBudget // too many failures
	Lease       // another run holds the target
)

// kindNames are part of the formats that are written and read back: a name stays as it is,
// while the order of the constants is free.
var kindNames = [...]string{
	Unknown:         "unknown",
	FunctionMissing: "function_missing",
	RecordMissing:   "record_missing",
	Denied:          "denied",
	Credentials:     "credentials",
	Refused:         "refused",
	Role:            "role",
	Invalid:         "invalid",
	Throttled:       "throttled",
	Conflict:        "conflict",
	Server:          "server",
	Transport:       "transport",
	BadAnswer:       "bad_answer",
	FleetFile:       "fleet_file",
	Guard:           "guard",
	Incomplete:      "incomplete",
	ErrorBudget:     "error_budget",
	Lease:           "lease",
}

// String is the kind as JSON output spells it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Unknown]
}

// MarshalText implements encoding.TextMarshaler, so that JSON has the name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a name back. One of another version is Unknown.
func (k *Kind) UnmarshalText(name []byte) error {
	*k = Kind(max(0, slices.Index(kindNames[:], string(name))))
	return nil
}

// Error is one failed request: what was asked of what, what came back, and
// what a person can do about it. Its JSON is the one form of an error in everything
// that this program writes or reads back; see reconcile.ErrorOf.
type Error struct {
	Service   string `json:"service"`    // of AWS, as its SDK calls it: lambda, sts, s3; "" where nobody was asked
	Op        string `json:"operation"`  // the API's operation name, such as UpdateFunctionEventInvokeConfig
	Subject   string `json:"subject"`    // what it was about: 111111111111/eu-west-1/orders:live
	Kind      Kind   `json:"kind"`       // what it means to a run
	Code      string `json:"code"`       // AWS error code; "" when no answer came
	Status    int    `json:"status"`     // HTTP status; 0 when no answer came
	Message   string `json:"message"`    // AWS's own text, or ours
	RequestID string `json:"request_id"` // for AWS support; "" when no answer came
	Hint      string `json:"hint"`       // what to do next; "" where nothing is known to help

	Destination string `json:"-"` // that AWS refused to send to, where the text does not name it
	Err         error  `json:"-"` // the cause below, when there is one
}

// Error is "UpdateFunctionEventInvokeConfig 111111111111/eu-west-1/orders:live: ResourceConflictException (409): text [request id]".
func (e *Error) Error() string {
	text := e.Reason()
	if what := strings.TrimSpace(e.Op + " " + e.Subject); what != "" && (e.Op != "" || !strings.Contains(text, what)) {
		text = what + ": " + text
	}
	if e.RequestID != "" {
		text += " [request " + e.RequestID + "]"
	}
	return text
}

// Reason is "ResourceConflictException (409): text", as much of it as is known.
func (e *Error) Reason() string {
	text := e.Message
	if text == "" && e.Err != nil {
		text = e.Err.Error()
	}
	head := e.Code
	if head != "" && e.Status != 0 {
		head = fmt.Sprintf("%s (%d)", head, e.Status)
	}
	if head != "" && text != "" {
		return head + ": " + text
	}
	return cmp.Or(head+text, e.Kind.String())
}

// Stored is what of e may be kept in a file. Its text is left out where it is not AWS's answer
// to a request that AWS took for genuine: what is said about credentials may repeat parts of a
// signed request, session token included, and an error that is no answer may hold anything.
// Such texts are for the terminal. It is nil for nil.
func (e *Error) Stored() *Error {
	if e == nil {
		return nil
	}
	kept := *e
	switch kept.Kind {
	case Credentials, Unknown, Transport:
		kept.Message = ""
	}
	kept.Err = nil
	return &kept
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Cause is the same for failures that have one cause, and will be mended together:
// the code, the message without what is particular to this function or request, and
// the destination that was refused. It groups failures for a report, and decides nothing.
func (e *Error) Cause() string {
	// InvalidParameterValueException: The function execution role does not have permissions
	// to call SendMessage on ARN | arn:aws:sqs:eu-west-1:111111111111:q
	message := cmp.Or(e.Message, e.Hint)
	destination := e.Destination
	if (e.Kind == Refused || e.Kind == Role) && destination == "" {
		destination = strings.Join(arnsIn(message), " ")
	}
	message = someID.ReplaceAllString(someARN.ReplaceAllString(strings.TrimSuffix(message, "."), "ARN"), "ID")
	if parts := strings.SplitN(e.Subject, "/", 3); len(parts) == 3 {
		function, qualifier, _ := strings.Cut(parts[2], ":")
		message = withoutName(withoutName(message, qualifier, "QUALIFIER"), function, "FUNCTION")
	}
	cause := cmp.Or(e.Code, e.Kind.String()) + ": " + message
	if destination != "" {
		cause += " | " + destination
	}
	return cause
}

var (
	someARN = regexp.MustCompile(`arn:[a-z-]+:[a-z0-9-]+:[^\s,'"()]*[^\s,'"().]`)
	// someID is a request id, as some services repeat it in their texts.
	someID = regexp.MustCompile(`\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b`)
)

// arnsIn lists the ARNs of a text, each once and sorted.
func arnsIn(text string) []string {
	arns := someARN.FindAllString(text, -1)
	slices.Sort(arns)
	return slices.Compact(arns)
}

// withoutName replaces a name where it stands as a word of its own, as AWS quotes
// it. A word of plain letters may be part of the sentence, and is left alone unless
// it stands in quotes or after a colon.
func withoutName(text, name, with string) string {
	if name == "" || !strings.Contains(text, name) || !utf8.ValidString(name) { // which no pattern may hold
		return text
	}
	before, after := `(^|[^\w$-])`, `($|[^\w-])`
	if strings.IndexFunc(name, func(r rune) bool { return r < 'a' || r > 'z' }) < 0 {
		before, after = `(['":])`, `($|['": ])`
	}
	return regexp.MustCompile(before+regexp.QuoteMeta(name)+after).ReplaceAllString(text, "${1}"+with+"${2}")
}

// KindOf is the kind of the Error within err, or Unknown.
func KindOf(err error) Kind {
	// What carries none was not AWS's answer, and is not guessed at from its text.
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Unknown
}
