package awssim

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Call is one request that reached the API.
type Call struct {
	Time            time.Time
	Account, Region string
	Operation       string // "" when it is not modelled
	Function        string // as it was spelt
	Qualifier       string
	// Status is 0 when no answer was sent.
	Status int
	// Code is the code of the error, "" for success.
	Code string
	// Fault names the injected fault: "throttle", "500", "502", "503", "504",
	// "reset", "reset after", "lost", "truncate", or "".
	Fault string
	// Write is a Put, Update or Delete of an event invoke config, whatever became of it.
	Write bool
	// Applied is a write that was carried out, whatever its caller got to see.
	Applied bool
	// RequestID is what the x-amzn-RequestId header said.
	RequestID string
}

// Counts are totals over all calls since the start or the last ResetCounts.
type Counts struct {
	Total       int
	ByOperation map[string]int
	// ByOutcome counts by what the caller got: "200", "204", "409
	// ResourceConflictException", "reset", "lost", "truncate" and so on.
	ByOutcome map[string]int
	// Throttled are the calls refused by quota or by an injected throttle.
	Throttled int
	// Writes are the Put, Update and Delete calls that reached the API, accepted or not.
	Writes int
	// Applied are the writes that were carried out.
	Applied int
}

// defaultCallLog is how many calls are remembered when the scenario does not say.
const defaultCallLog = 100_000

// callLog remembers what was asked.
type callLog struct {
	limit int

	mu     sync.Mutex
	calls  []Call
	counts Counts
}

func (l *callLog) add(q *request, a *answer) {
	c := Call{
		Time: q.now, Account: q.account.id, Region: q.region, Function: q.function, Qualifier: q.qualifier,
		Status: a.status, Code: a.code, Fault: string(a.fault), Applied: q.applied, RequestID: q.requestID,
	}
	if q.op != nil {
		c.Operation, c.Write = q.op.name, q.op.write
	}
	outcome := strings.TrimSpace(strconv.Itoa(a.status) + " " + a.code)
	switch a.fault {
	case faultReset, faultResetAfter:
		c.Status, outcome = 0, "reset"
	case faultLost, faultTruncate:
		outcome = string(a.fault)
	}
	if a.fault == faultLost {
		c.Status = 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, c)
	l.calls = l.calls[max(0, len(l.calls)-l.limit):] // what goes is freed when the slice next grows
	n := &l.counts
	if n.ByOperation == nil {
		n.ByOperation, n.ByOutcome = map[string]int{}, map[string]int{}
	}
	n.Total++
	n.ByOperation[c.Operation]++
	n.ByOutcome[outcome]++
	switch a.code {
	case "TooManyRequestsException", "ThrottlingException", "ThrottledException":
		n.Throttled++
	}
	if c.Write {
		n.Writes++
	}
	if c.Applied {
		n.Applied++
	}
}

// Calls returns the latest calls in the order in which they reached the API, as
// many as Scenario.CallLog allows.
func (w *World) Calls() []Call {
	w.callLog.mu.Lock()
	defer w.callLog.mu.Unlock()
	return slices.Clone(w.callLog.calls)
}

// Counts returns the totals.
func (w *World) Counts() Counts {
	w.callLog.mu.Lock()
	defer w.callLog.mu.Unlock()
	c := w.callLog.counts
	c.ByOperation, c.ByOutcome = maps.Clone(c.ByOperation), maps.Clone(c.ByOutcome)
	return c
}

// ResetCounts forgets calls and totals. It does not touch what the calls did, nor
// the sequence of the faults.
func (w *World) ResetCounts() {
	w.callLog.mu.Lock()
	defer w.callLog.mu.Unlock()
	w.callLog.calls, w.callLog.counts = nil, Counts{}
}
