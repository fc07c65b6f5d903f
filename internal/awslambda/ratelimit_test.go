package awslambda

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// slow answers after d, or fails with the request's context.
func slow(d time.Duration, body string) canned {
	return func(r *http.Request) (*http.Response, error) {
		select {
		case <-time.After(d):
			return answer(r, 200, body), nil
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

// TestAttemptTimeout: the ten seconds begin at the grant, so that a long queue
// does not eat them, and end in an ambiguous failure.
func TestAttemptTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := connAt(t, ratelimit.Options{Quota: 1, Share: 1}, slow(time.Hour, ""))
		for range 60 {
			go func() {
				if grant, err := conn.Limiter().Acquire(t.Context(), ratelimit.Probe); err == nil {
					grant.Done(ratelimit.OK, 0)
				}
			}()
		}
		synctest.Wait()
		start := time.Now()
		_, err := NewWriter(conn).Put(t.Context(), live, desired.Config{desired.MaximumRetryAttempts: desired.Number(1)})
		took := time.Since(start)
		ce := callErrorOf(t, err)
		outcome, _ := ratelimit.ResultOf(err)
		if ce.Kind != callerr.Transport || outcome != ratelimit.ServerError || ce.Message != "no answer from https://lambda.us-east-1.amazonaws.com within the time for one request" {
			t.Errorf("got %v, %v, %q", ce.Kind, outcome, ce.Message)
		}
		if took < 40*time.Second {
			t.Errorf("took %v: the call did not queue, the test proves nothing", took)
		}
	})
}

// stoppedContext is over from an instant on, as a process finds it that was stopped before:
// only its Err says so.
type stoppedContext struct {
	context.Context
	at time.Time
}

func (c stoppedContext) Err() error {
	if time.Now().Before(c.at) {
		return nil
	}
	return errors.New("the lease is over")
}

// TestWhatEndedInTheQueueIsNotSent: the token of a call comes after the end of its context,
// which nobody has told the call.
func TestWhatEndedInTheQueueIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		conn := connAt(t, ratelimit.Options{Quota: 1, Share: 1}, canned(func(r *http.Request) (*http.Response, error) {
			sent++
			return answer(r, 200, `{}`), nil
		}))
		for range 10 {
			go func() {
				if grant, err := conn.Limiter().Acquire(t.Context(), ratelimit.Probe); err == nil {
					grant.Done(ratelimit.OK, 0)
				}
			}()
		}
		synctest.Wait()
		_, err := NewWriter(conn).Put(stoppedContext{t.Context(), time.Now().Add(time.Second)}, live, desired.Config{desired.MaximumRetryAttempts: desired.Number(1)})
		if outcome, _ := ratelimit.ResultOf(err); sent > 0 || outcome != ratelimit.Cancelled {
			t.Errorf("%d requests, %v: %v", sent, outcome, err)
		}
	})
}

// TestTimeoutStartsAfterTheGrant: an answer that takes nine seconds is in time,
// however long the queue was.
func TestTimeoutStartsAfterTheGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := connAt(t, ratelimit.Options{Quota: 1, Share: 1}, slow(9*time.Second, `{"FunctionEventInvokeConfigs":[]}`))
		for range 30 {
			go func() {
				if grant, err := conn.Limiter().Acquire(t.Context(), ratelimit.Probe); err == nil {
					grant.Done(ratelimit.OK, 0)
				}
			}()
		}
		synctest.Wait()
		start := time.Now()
		if _, err := NewReader(conn).ListConfigs(t.Context(), "orders", ""); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took < 25*time.Second {
			t.Errorf("took %v: the call did not queue, the test proves nothing", took)
		}
	})
}

// TestInterrupt: a call in flight is finished when the run is told to stop; one
// that waits for its token is not sent.
func TestInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		answerLate := slow(5*time.Second, recordOf(live))
		conn := connAt(t, ratelimit.Options{Quota: 1, Share: 1}, canned(func(r *http.Request) (*http.Response, error) {
			requests++
			return answerLate(r)
		}))
		ctx, interrupt := context.WithCancel(t.Context())
		writer := NewWriter(conn)
		results := make([]error, 2)
		var wg sync.WaitGroup
		for i := range results {
			wg.Go(func() {
				_, results[i] = writer.Put(ctx, live, desired.Config{desired.MaximumRetryAttempts: desired.Number(1)})
			})
			time.Sleep(time.Second / 4) // virtual: the second one queues behind the first
		}
		interrupt()
		wg.Wait()
		if results[0] != nil {
			t.Errorf("the call in flight was cut short: %v", results[0])
		}
		outcome, _ := ratelimit.ResultOf(results[1])
		if outcome != ratelimit.Cancelled || requests != 1 {
			t.Errorf("the waiting call came to %v with %d requests sent: %v", outcome, requests, results[1])
		}
		for _, s := range conn.Stats() {
			if s.Calls != 1 {
				t.Errorf("counted %d calls for one request", s.Calls)
			}
		}
	})
}

// TestCancelledWaiters: callers that give up while they wait cost nothing. The
// others get every token, at the full pace.
func TestCancelledWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		conn := connAt(t, ratelimit.Options{Quota: 10, Share: 1}, canned(func(r *http.Request) (*http.Response, error) {
			requests++
			return answer(r, 200, `{"FunctionEventInvokeConfigs":[]}`), nil
		}))
		time.Sleep(time.Minute)
		reader := NewReader(conn)
		leaving, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var served, cancelled atomic.Int64
		start := time.Now()
		for i := range 400 {
			ctx := t.Context()
			if i%2 == 0 {
				ctx = leaving
			}
			wg.Go(func() {
				_, err := reader.ListConfigs(ctx, "orders", "")
				if outcome, _ := ratelimit.ResultOf(err); outcome == ratelimit.Cancelled {
					cancelled.Add(1)
				} else if err == nil {
					served.Add(1)
				}
			})
		}
		synctest.Wait()
		leave()
		wg.Wait()
		// 200 calls at 10 a second, and a slow start from 5.
		if took := time.Since(start); took > 23*time.Second {
			t.Errorf("200 calls took %v: those who left took tokens along", took)
		}
		if n := int(served.Load()); n != requests || n+int(cancelled.Load()) != 400 || n > 202 {
			t.Errorf("%d served, %d cancelled, %d requests", n, cancelled.Load(), requests)
		}
	})
}

// TestCancelledBeforeTheCall: the SDK gives up before our middleware and hands out a
// bare context error, which must not pass for a failure.
func TestCancelledBeforeTheCall(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	past, stop := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer stop()
	for why, ctx := range map[string]context.Context{"cancelled": ctx, "too late": past} {
		err := operate(ctx, connTo(t, slow(0, `{"Functions":[]}`)), opListFunctions, orders)
		if outcome, _ := ratelimit.ResultOf(err); outcome != ratelimit.Cancelled {
			t.Errorf("%s: %v: %v", why, outcome, err)
		}
		callErrorOf(t, err)
	}
}

// TestRefusedForAnother: a call that waits for its token when the run ends, for what
// AWS said to another call, was not answered: that answer is not its own.
func TestRefusedForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		conn := connAt(t, ratelimit.Options{Quota: 0.01, Share: 1}, canned(func(r *http.Request) (*http.Response, error) {
			sent++
			return answer(r, 403, `{"message":"The security token included in the request is expired"}`, "X-Amzn-Errortype", "ExpiredTokenException"), nil
		}))
		_, refused := NewReader(conn).ListConfigs(t.Context(), "orders", "")
		for _, op := range []string{opListConfigs, opListFunctions, opPut, opDelete} {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(refused) })
			err := operate(ctx, conn, op, live)
			if result, _ := ratelimit.ResultOf(err); result != ratelimit.Cancelled || callErrorOf(t, err).Kind == callerr.Credentials {
				t.Errorf("%s: %v, %v", op, result, err)
			}
		}
		if sent != 1 {
			t.Errorf("%d requests", sent)
		}
	})
}

// TestRetryAfterHoldsTheQueue: one caller's 429 tells all callers of the quota
// how long to wait.
func TestRetryAfterHoldsTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := connAt(t, ratelimit.Options{Quota: 1000, Share: 1}, saying(429, `{}`, "X-Amz-Retry-After", "7000"))
		_ = operate(t.Context(), conn, opListFunctions, orders)
		start := time.Now()
		_ = operate(t.Context(), conn, opListConfigs, orders)
		if waited := time.Since(start); waited < 7*time.Second || waited > 8*time.Second {
			t.Errorf("the next call waited %v", waited)
		}
	})
}

// TestNothingSentIsNotCounted: without credentials there is no request.
func TestNothingSentIsNotCounted(t *testing.T) {
	sealed := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("the vault is sealed")
	})
	for why, provider := range map[string]aws.CredentialsProvider{"a provider that fails": sealed, "no provider at all": nil} {
		sent := false
		conn := NewConn(aws.Config{Credentials: provider, HTTPClient: noticing(&sent)}, here, registry(t))
		err := operate(t.Context(), conn, opListFunctions, orders)
		outcome, _ := ratelimit.ResultOf(err)
		if ce := callErrorOf(t, err); ce.Kind != callerr.Credentials || outcome != ratelimit.Permanent {
			t.Errorf("%s: %v, %v: %v", why, ce.Kind, outcome, err)
		}
		if s := conn.Stats(); len(s) != 0 || sent {
			t.Errorf("%s: counted %+v, sent %v", why, s, sent)
		}
	}
}

// TestPriorityTravels: the limiter learns the priority from the context, through
// the whole SDK.
func TestPriorityTravels(t *testing.T) {
	conn := connTo(t, saying(200, `{"Functions":[]}`))
	for p, ctx := range map[ratelimit.Priority]context.Context{
		ratelimit.Scan:  t.Context(),
		ratelimit.Write: ratelimit.WithPriority(t.Context(), ratelimit.Write),
	} {
		if err := operate(ctx, conn, opListFunctions, orders); err != nil {
			t.Fatal(err)
		}
		if n := conn.Limiter().Snapshot().Tokens[p]; n != 1 {
			t.Errorf("%v: %d tokens", p, n)
		}
	}
}
