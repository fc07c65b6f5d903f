package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// Why a run, a target or a change ended early.
var (
	ErrTimeUp      = errors.New("the time limit of the run passed") // Request.Timeout
	ErrStrict      = errors.New("warnings count as errors")         // Request.Strict
	ErrIncomplete  = errors.New("the plan is incomplete")           // what was not examined could have been more than the guard allows
	ErrJournal     = errors.New("the journal cannot be written")    // and without a before-image no write is sent
	ErrErrorBudget = errors.New("too many calls failed")            // more than desired.Limits.MaxErrors in a target
	ErrSameCause   = errors.New("not attempted: same cause")        // as others that were all refused
)

// ErrorKind is what an error means to a run, whatever AWS called it.
type ErrorKind uint8

// The kinds.
const (
	KindUnknown         ErrorKind = iota // no CallError, or one that nothing is known about
	KindFunctionMissing                  // no such function, or for a Put no such qualifier
	KindRecordMissing                    // the function is there, the record is not
	KindDenied                           // the caller lacks a permission
	KindCredentials                      // no credentials, or expired ones
	KindRefused                          // AWS refused the destination itself
	KindRole                             // AWS refused the destination because the function's role may not send to it
	KindInvalid                          // AWS refused the request for another reason
	KindThrottled                        // the quota was spent
	KindConflict                         // the function was busy with another update
	KindServer                           // AWS failed, 5xx
	KindTransport                        // timeout or broken connection: a write may or may not have been done
	KindBadAnswer                        // an answer that cannot be understood or trusted

	// What ends a run, or the work on a target, without a failed request.
	KindFleetFile   // the fleet file cannot be used
	KindGuard       // more changes than the guard allows
	KindIncomplete  // not all was examined
	KindErrorBudget // too many failures
	KindLease       // another run holds the target
)

// kindNames are part of the formats that are written and read back: a name stays as it is,
// while the order of the constants is free.
var kindNames = [...]string{
	KindUnknown:         "unknown",
	KindFunctionMissing: "function_missing",
	KindRecordMissing:   "record_missing",
	KindDenied:          "denied",
	KindCredentials:     "credentials",
	KindRefused:         "refused",
	KindRole:            "role",
	KindInvalid:         "invalid",
	KindThrottled:       "throttled",
	KindConflict:        "conflict",
	KindServer:          "server",
	KindTransport:       "transport",
	KindBadAnswer:       "bad_answer",
	KindFleetFile:       "fleet_file",
	KindGuard:           "guard",
	KindIncomplete:      "incomplete",
	KindErrorBudget:     "error_budget",
	KindLease:           "lease",
}

// String is the kind as JSON output spells it.
func (k ErrorKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[KindUnknown]
}

// MarshalText implements encoding.TextMarshaler, so that JSON has the name.
func (k ErrorKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a name back. One of another version is KindUnknown.
func (k *ErrorKind) UnmarshalText(name []byte) error {
	*k = ErrorKind(max(0, slices.Index(kindNames[:], string(name))))
	return nil
}

// CallError is one failed request: what was asked of what, what came back, and
// what a person can do about it. Its JSON is the one form of an error in everything
// that this program writes or reads back; see ErrorOf.
type CallError struct {
	Service   string    `json:"service"`    // of AWS, as its SDK calls it: lambda, sts, s3; "" where nobody was asked
	Op        string    `json:"operation"`  // the API's operation name, such as UpdateFunctionEventInvokeConfig
	Subject   string    `json:"subject"`    // what it was about: 111111111111/eu-west-1/orders:live
	Kind      ErrorKind `json:"kind"`       // what it means to a run
	Code      string    `json:"code"`       // AWS error code; "" when no answer came
	Status    int       `json:"status"`     // HTTP status; 0 when no answer came
	Message   string    `json:"message"`    // AWS's own text, or ours
	RequestID string    `json:"request_id"` // for AWS support; "" when no answer came
	Hint      string    `json:"hint"`       // what to do next; "" where nothing is known to help

	Destination string `json:"-"` // that AWS refused to send to, where the text does not name it
	Err         error  `json:"-"` // the cause below, when there is one
}

// ErrorOf is any error in the one form that reports, histories and journals
// write: the CallError within it, or one that says what ended a run. It is nil for
// nil. The result is a copy, and its Message is never empty where there was a text.
func ErrorOf(err error) *CallError {
	if err == nil {
		return nil
	}
	var call *CallError
	var guard *GuardError
	var problems desired.Problems
	kind := KindUnknown
	switch {
	case errors.As(err, &call):
		out := *call
		if out.Message == "" && out.Err != nil {
			out.Message = out.Err.Error()
		}
		if given, ended := errors.AsType[*ratelimit.GivenUpError](err); ended && given.Alone {
			out.Hint = "AWS served other functions meanwhile, so the quota is not spent: see what else changes this function, and run again"
		}
		return &out
	case errors.As(err, &problems):
		kind = KindFleetFile
	case errors.As(err, &guard):
		kind = KindGuard
	case errors.Is(err, ErrIncomplete):
		kind = KindIncomplete
	case errors.Is(err, ErrErrorBudget):
		kind = KindErrorBudget
	}
	return &CallError{Kind: kind, Message: err.Error()}
}

// Error is "UpdateFunctionEventInvokeConfig 111111111111/eu-west-1/orders:live: ResourceConflictException (409): text [request id]".
func (e *CallError) Error() string {
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
func (e *CallError) Reason() string {
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

// Unwrap gives the cause.
func (e *CallError) Unwrap() error { return e.Err }

// targetWide reports whether the error speaks about the whole target rather than
// about one function: nothing else will succeed there before it is mended. A
// permission that is missing for one function may be there for the next, so a
// denial counts only where the call was about the target, or where a policy of the
// organisation denies.
//
// The subject tells what a call was about: ACCOUNT/REGION has one slash, ACCOUNT/REGION/
// FUNCTION has two.
func (e *CallError) targetWide() bool {
	switch e.Kind {
	case KindCredentials:
		return true
	case KindDenied:
		return strings.Count(e.Subject, "/") < 2 || strings.Contains(e.Message, "service control policy")
	}
	return false
}

// Cause is the same for failures that have one cause, and will be mended together:
// the code, the message without what is particular to this function or request, and
// the destination that was refused. It groups failures for a report, and decides nothing.
func (e *CallError) Cause() string {
	// InvalidParameterValueException: The function execution role does not have permissions
	// to call SendMessage on ARN | arn:aws:sqs:eu-west-1:111111111111:q
	message := cmp.Or(e.Message, e.Hint)
	destination := e.Destination
	if (e.Kind == KindRefused || e.Kind == KindRole) && destination == "" {
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

// KindOf is the kind of the CallError within err, or KindUnknown.
func KindOf(err error) ErrorKind {
	// What carries none was not AWS's answer, and is not guessed at from its text.
	var ce *CallError
	if errors.As(err, &ce) {
		return ce.Kind
	}
	return KindUnknown
}

// inTarget is an error with the target that it is about, which most name themselves.
func inTarget(t desired.Target, err error) error { return about(t.String(), t.String(), err) }

// ofConfig is an error with the config that it is about. Most name it, or its function: a
// listing is about all configs of one.
func ofConfig(key desired.Key, err error) error {
	if err == nil {
		return nil
	}
	return about(key.Target.String()+"/"+key.Function, key.String(), err)
}

// about is an error whose text begins with what it is about, unless it has been named there.
func about(named, subject string, err error) error {
	if strings.Contains(err.Error(), named) {
		return err
	}
	return fmt.Errorf("%s: %w", subject, err)
}

// errTargetRefused is the reason of a target that stopped because AWS refuses the
// target itself, whatever is asked.
var errTargetRefused = errors.New("AWS refuses the whole target")

// sameAnswers is how many answers about the whole target, with no success between
// them, end its work: the first may be the slip of one server.
const sameAnswers = 3

// deniedReads is how many reads that are denied, with no success among them, are
// taken for a permission that nobody has. They are spread over the target.
const deniedReads = 30

// errorBudget ends a target's work when going on would only spend quota: when more
// than allowed of it has failed, as in an outage; or when AWS refuses the target as
// a whole. A refusal about one function spends nothing.
type errorBudget struct {
	ctx    context.Context // what the work runs under
	cancel context.CancelCauseFunc

	mu        sync.Mutex
	allowed   int // failures
	work      int
	spent     int
	refused   int // answers about the whole target since the last success
	denied    int
	succeeded bool
}

// newErrorBudget makes the budget of one target in one phase. Work is how much there is in
// all, for the message; release must be called, or the context leaks.
func newErrorBudget(parent context.Context, allowed, work int) *errorBudget {
	ctx, cancel := context.WithCancelCause(parent)
	return &errorBudget{ctx: ctx, cancel: cancel, allowed: allowed, work: work}
}

// success takes a call that was answered well.
//
// It clears what the target's refusals add up to, but not the failures: an outage in which
// every tenth call gets through is still one.
func (b *errorBudget) success() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused, b.succeeded = 0, true
}

// failure takes a call that failed for good.
//
// Four things are told apart, from the most telling down: the run's own end of waiting, an
// answer about the whole target, a refusal of one function, which costs nothing, and all
// else, of which allowed may happen.
func (b *errorBudget) failure(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var call *CallError
	given, ended := errors.AsType[*ratelimit.GivenUpError](err)
	switch {
	case ended && given.Alone: // AWS serves the others
	case ended:
		b.cancel(fmt.Errorf("%w: %w", ErrErrorBudget, err))
	case errors.As(err, &call) && call.targetWide():
		if b.refused++; b.refused == sameAnswers {
			b.cancel(fmt.Errorf("%w: %w", errTargetRefused, err))
		}
	case refusesOne(err):
	default:
		if b.spent++; b.spent == b.allowed+1 {
			b.cancel(fmt.Errorf("%w: %d of %d, limit %d (guard.max_errors)", ErrErrorBudget, b.spent, b.work, b.allowed))
		}
	}
}

// anyDenied reports whether a read was denied so far.
func (b *errorBudget) anyDenied() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.denied > 0
}

// readDenied takes a read of one function that was denied.
func (b *errorBudget) readDenied(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.denied++; b.denied == deniedReads && !b.succeeded {
		b.cancel(fmt.Errorf("%w: %d of %d functions were asked about and none may be read: %w", errTargetRefused, b.denied, b.work, err))
	}
}

// cause is why the work ended early, or nil.
func (b *errorBudget) cause() error {
	if b.ctx.Err() == nil {
		return nil
	}
	return context.Cause(b.ctx)
}

// release ends the work's context once the work is over.
func (b *errorBudget) release() { b.cancel(nil) }

// leasedContext is over, by its Err, once a lease is. Its Done may not have heard yet.
type leasedContext struct {
	context.Context
	lease context.Context
}

// Err implements context.Context.
func (c leasedContext) Err() error {
	if c.lease.Err() != nil {
		return leaseOver{context.Cause(c.lease)}
	}
	return c.Context.Err()
}

// leaseOver is why a lease ended. It is context.Canceled as well, since that is what
// others take for the end of a context, and return as they find it.
type leaseOver struct{ error }

func (e leaseOver) Is(target error) bool { return target == context.Canceled }
func (e leaseOver) Unwrap() error        { return e.error }
