package awssim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Record looks at a record without spending quota. "" is $LATEST.
func (w *World) Record(account, region, functionName, qualifier string) (Record, bool) {
	s := w.state(target{account, region})
	s.mu.Lock()
	defer s.mu.Unlock()
	f, i := s.findRecord(ref{name: functionName, qualifier: cmp.Or(qualifier, latest)})
	if i < 0 {
		return Record{}, false
	}
	return f.records[i].Record, true
}

// withFunction changes a function behind the API's back.
func (w *World) withFunction(account, region, functionName string, change func(*regionState, *function)) error {
	s := w.state(target{account, region})
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[functionName]
	if f == nil {
		return fmt.Errorf("awssim: no function %s in %s %s; add it to the scenario or with AddFunction", functionName, account, region)
	}
	change(s, f)
	return nil
}

// SetRecord stores a record as somebody else might have. It does not ask whether
// the qualifier exists, so that it can make the orphan that a deleted alias leaves.
func (w *World) SetRecord(account, region, functionName, qualifier string, r Record) error {
	return w.withFunction(account, region, functionName, func(s *regionState, f *function) {
		s.write(f, cmp.Or(qualifier, latest), r, time.Now(), true)
	})
}

// DeleteRecord takes a record away; one that is not there is no error.
func (w *World) DeleteRecord(account, region, functionName, qualifier string) error {
	return w.withFunction(account, region, functionName, func(s *regionState, f *function) {
		if i := f.recordIndex(cmp.Or(qualifier, latest)); i >= 0 {
			f.records = slices.Delete(f.records, i, i+1)
			s.behind(time.Now(), "DeleteFunctionEventInvokeConfig", f.name, qualifier, "", "", nil)
		}
	})
}

// AddFunction adds a function or a series, in place of any of the same name.
// Times such as BusyFor count from now.
func (w *World) AddFunction(account, region string, f Function) error {
	if err := valid(func(c *validator) {
		c.require(w.account(account) != nil, "account", "account %s is not in the scenario; add it there", account)
		c.require(regionPattern.MatchString(region), "region", "%q is not a region; write one such as us-east-1", region)
		c.function("function", f)
	}); err != nil {
		return err
	}
	w.state(target{account, region}).add(f, time.Now(), true)
	return nil
}

// RemoveFunction takes a function away with all its records.
func (w *World) RemoveFunction(account, region, functionName string) error {
	return w.withFunction(account, region, functionName, func(s *regionState, f *function) {
		delete(s.functions, f.name)
		s.behind(time.Now(), "DeleteFunction20150331", f.name, "", "", "", nil)
		s.sorted = false
	})
}

// AddAlias adds an alias, or points it at the newest version again.
func (w *World) AddAlias(account, region, functionName, name string) error {
	return w.withFunction(account, region, functionName, func(s *regionState, f *function) {
		call := "CreateAlias20150331"
		if f.dropAlias(name) {
			call = "UpdateAlias20150331"
		}
		f.aliases = append(f.aliases, alias{name, newest(f.versions)})
		s.behind(time.Now(), call, f.name, "", "", "", map[string]any{"name": name})
	})
}

// RemoveAlias takes an alias away. Its record stays behind, as AWS was seen to leave it.
func (w *World) RemoveAlias(account, region, functionName, name string) error {
	return w.withFunction(account, region, functionName, func(s *regionState, f *function) {
		if f.dropAlias(name) {
			s.behind(time.Now(), "DeleteAlias20150331", f.name, "", "", "", map[string]any{"name": name})
		}
	})
}

// dropAlias makes a new list, since a series shares one, and reports whether there
// was such an alias.
func (f *function) dropAlias(name string) bool {
	before := len(f.aliases)
	f.aliases = slices.DeleteFunc(slices.Clone(f.aliases), func(a alias) bool { return a.name == name })
	return len(f.aliases) < before
}

// SetTags replaces the tags of a function; nil makes it one that was never tagged.
func (w *World) SetTags(account, region, functionName string, tags map[string]string) error {
	return w.withFunction(account, region, functionName, func(s *regionState, f *function) {
		f.tags = maps.Clone(tags)
		s.behind(time.Now(), "TagResource20170331v2", f.name, "", "", "", map[string]any{
			"resource": "arn:" + partition(s.region) + ":lambda:" + s.region + ":" + s.account + ":function:" + f.name,
		})
	})
}

// SetBusy makes writes to a function answer 409 from now on for d; 0 ends it.
func (w *World) SetBusy(account, region, functionName string, d time.Duration) error {
	return w.withFunction(account, region, functionName, func(_ *regionState, f *function) { f.busy = time.Now().Add(d) })
}

// Refuse makes Put and Update of a function answer 400 with the text; "" ends it.
func (w *World) Refuse(account, region, functionName, text string) error {
	return w.withFunction(account, region, functionName, func(_ *regionState, f *function) { f.refuse = text })
}

// SetFaults changes the chances of all calls to come.
func (w *World) SetFaults(f Faults) error {
	return w.change(func(c *validator) { c.faults(f) }, func() { w.conditions.faults = f })
}

// SetQuota changes the quota everywhere and starts it afresh.
func (w *World) SetQuota(q Quota) error {
	return w.change(func(c *validator) { c.quota(q) }, func() {
		w.conditions.quota = q
		for _, s := range w.states {
			s.meter.set(q, time.Now())
		}
	})
}

// change sets one of the conditions, if it is valid.
func (w *World) change(check func(*validator), set func()) error {
	if err := valid(check); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	set()
	return nil
}

// ExpireSessions ends every session of assumed roles in an account before its time.
func (w *World) ExpireSessions(account string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for token, s := range w.sessions {
		if s.account.Account == account {
			s.ends = time.Time{}
			w.sessions[token] = s
		}
	}
}

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
		Time: q.now, Account: q.account.Account, Region: q.region, Function: q.function, Qualifier: q.qualifier,
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
