package awssim

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// visit is a request that reached the API: who, where, when.
type visit struct {
	identity
	now       time.Time
	requestID string
}

// maxBody is more than any operation here reads.
const maxBody = 1 << 20

// lostFor is how long an answer that never comes is waited for when the caller
// has no deadline of its own.
const lostFor = 60 * time.Second

// exchange carries a request out and returns its answer. It waits only on
// timers and on ctx. Half of the latency passes before the call reaches the API;
// once it has, it is carried out even if the caller gives up, as AWS would.
func (w *World) exchange(ctx context.Context, r *http.Request) (*answer, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(io.LimitReader(r.Body, maxBody)); err != nil {
			return nil, fmt.Errorf("awssim: read the request body: %w", err)
		}
	}
	if err := pause(ctx, w.latency/2); err != nil {
		return nil, err
	}
	a, release := w.serve(r, body)
	err := pause(ctx, w.latency-w.latency/2)
	if release != nil {
		release()
	}
	if err != nil {
		return nil, err
	}
	if a.mishap == mishapLost {
		if err := pause(ctx, lostFor); err != nil {
			return nil, err
		}
		a.mishap = mishapReset
	}
	return a, nil
}

// pause waits for d, or less when ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serve answers a request without waiting. A release that is not nil ends the
// write window of the function.
func (w *World) serve(r *http.Request, body []byte) (*answer, func()) {
	v := &visit{now: time.Now(), requestID: w.requestID()}
	var no *refusal
	v.identity, no = w.identify(r, v.now)
	q, unknown := route(v, r, body)
	var a *answer
	switch {
	case no != nil:
		a = q.refuse(no)
	case unknown != nil:
		a = q.refuse(unknown)
	default:
		a = w.admit(q)
	}
	w.ledger.add(q, a)
	return a, q.release
}

// admit takes a call through quota, faults and permissions to its operation.
func (w *World) admit(q *request) *answer {
	if q.service == "sts" {
		return w.perform(q)
	}
	faults := w.currentFaults()
	if faults != (Faults{}) || w.currentQuota().ThrottlingException > 0 {
		q.dice = w.tries.next(w.seed, q)
	}
	if q.service == "lambda" && !w.shelf(q.place()).meter.admit(q.op.name == "GetFunction", q.now) {
		return w.throttle(q)
	}
	if _, throttled := w.rules(q); q.service == "lambda" && matches(throttled, q.op.action) {
		return w.throttle(q)
	}
	m := draw(q.dice, faults)
	if m.prevents() {
		return w.mishapAnswer(q, m)
	}
	a := w.perform(q)
	if m == mishap504 {
		return w.mishapAnswer(q, m)
	}
	if m == mishapTruncate && len(a.body) == 0 {
		return a // nothing to cut
	}
	a.mishap = m
	return a
}

// perform checks the permission and does the operation.
func (w *World) perform(q *request) *answer {
	if q.op.action != "" {
		if no := q.authorize(q.op.action, q.resource(), w.denied(q)); no != nil {
			return q.refuse(no)
		}
	}
	result, no := q.op.serve(w, q)
	if no != nil {
		return q.refuse(no)
	}
	return q.succeed(result)
}

// denied is what everybody is refused: in the account, the region, on the function.
func (w *World) denied(q *request) []string {
	here, _ := w.rules(q)
	w.mu.RLock()
	defer w.mu.RUnlock()
	return slices.Concat(q.account.deny, here)
}

// rules are the actions that a region or a function refuses, and those that a
// function always throttles.
func (w *World) rules(q *request) (denied, throttled []string) {
	s := w.shelf(q.place())
	n, _ := parseName(q.function)
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.functions[n.name]; f != nil {
		return slices.Concat(s.deny, f.deny), f.throttle
	}
	return s.deny, nil
}

// resource is what a permission has to be for, and what a refusal names.
func (q *request) resource() string {
	if q.op == assumeRole {
		return q.query.Get("RoleArn")
	}
	if q.function == "" {
		return "*"
	}
	n, ok := parseName(q.function)
	if !ok {
		return q.function
	}
	return q.arn(n.name)
}

// arn is the unqualified ARN of a function of the caller's account and region.
func (q *request) arn(function string) string {
	return "arn:" + partition(q.region) + ":lambda:" + q.region + ":" + q.account.id + ":function:" + function
}

func (w *World) requestID() string {
	return uuid(roll(w.seed, "request").nth(uint32(w.ids.Add(1))))
}

// uuid is a version 4 UUID made of a draw.
func uuid(d dice) string {
	a, b := d.sum(), d.with("more").sum()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", uint32(a>>32), uint16(a>>16), a&0xfff, 0x8000|uint16(b>>48)&0x3fff, b&0xffffffffffff)
}
