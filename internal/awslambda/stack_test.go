package awslambda

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go/middleware"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// TestStackOrder holds the SDK to the order that pacing rests on. If a bump
// breaks it, read the SDK's change before changing this test.
func TestStackOrder(t *testing.T) {
	var initialize, finalize, deserialize []string
	client := NewReader(connTo(t, saying(200, `{"Functions":[]}`))).client
	_, err := client.ListFunctions(t.Context(), &lambda.ListFunctionsInput{}, func(o *lambda.Options) {
		o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
			initialize, finalize, deserialize = s.Initialize.List(), s.Finalize.List(), s.Deserialize.List()
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if initialize[0] != "OperationLock" {
		t.Errorf("the lock is not the first of all: %v", initialize)
	}
	pays := slices.Index(finalize, "RateLimit")
	if pays < 1 || finalize[pays-1] != "Retry" {
		t.Errorf("the token is not taken right after Retry, once per attempt: %v", finalize)
	}
	for _, later := range []string{"ResolveAuthScheme", "GetIdentity", "ResolveEndpointV2", "Signing"} {
		if slices.Index(finalize, later) < pays {
			t.Errorf("%s is missing or comes before the token, and would be stale after a wait: %v", later, finalize)
		}
	}
	if i := slices.Index(deserialize, "AnswerBody"); i < 1 || deserialize[i-1] != "OperationDeserializer" {
		t.Errorf("the answer is not read right below the SDK's deserializer: %v", deserialize)
	}
}

// TestOneTokenPerRequest: whatever the answer is, and whatever the environment
// says about retries, one call is one request and one token.
func TestOneTokenPerRequest(t *testing.T) {
	for why, retries := range map[string]map[string]string{
		"by variables": {"AWS_RETRY_MODE": "adaptive", "AWS_MAX_ATTEMPTS": "10"},
		"by a profile": {"AWS_CONFIG_FILE": hostileProfile(t)},
	} {
		t.Run(why, func(t *testing.T) {
			noAmbient(t)
			t.Setenv("AWS_NEW_RETRIES_2026", "true")
			t.Setenv("AWS_ACCESS_KEY_ID", "AKIA"+here.Account)
			t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
			for k, v := range retries {
				t.Setenv(k, v)
			}
			oneTokenPerRequest(t)
		})
	}
}

func hostileProfile(t *testing.T) string {
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte("[default]\nretry_mode = adaptive\nmax_attempts = 10\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func oneTokenPerRequest(t *testing.T) {
	for _, tt := range []struct {
		status int
		code   string
	}{{429, "TooManyRequestsException"}, {400, "ThrottlingException"}, {500, "ServiceException"}, {503, ""}, {409, "ResourceConflictException"}, {403, "RequestTimeTooSkewed"}} {
		synctest.Test(t, func(t *testing.T) {
			requests := 0
			limiters := ratelimit.NewRegistry(func(desired.Target) ratelimit.Options { return Pace(0, 0) })
			defer limiters.Close()
			session, err := Open(t.Context(), Options{Limiters: limiters, Environment: Environment{HTTPClient: canned(func(r *http.Request) (*http.Response, error) {
				requests++
				return answer(r, tt.status, `{}`, "x-amzn-ErrorType", tt.code, "X-Amz-Retry-After", "1"), nil
			})}})
			if err != nil {
				t.Fatal(err)
			}
			conn := NewConn(withCreds(session), here, limiters)
			const calls = 3
			for range calls {
				if _, err := NewReader(conn).ListConfigs(t.Context(), "orders", ""); err == nil {
					t.Error("no error")
				}
			}
			if tokens := conn.Limiter().Snapshot().Granted(); requests != calls || tokens != calls {
				t.Errorf("%d %s: %d calls made %d requests and took %d tokens", tt.status, tt.code, calls, requests, tokens)
			}
		})
	}
}

// TestSignatureIsFresh: SigV4 tolerates 5 minutes. A call that queues for longer
// is signed when its turn comes.
func TestSignatureIsFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var signed string
		var sent time.Time
		conn := connAt(t, ratelimit.Options{Quota: 1, Share: 1}, canned(func(r *http.Request) (*http.Response, error) {
			signed, sent = r.Header.Get("X-Amz-Date"), time.Now().UTC()
			return answer(r, 200, `{"FunctionEventInvokeConfigs":[]}`), nil
		}))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for range 400 { // ahead of us in the queue
			go func() {
				if grant, err := conn.Limiter().Acquire(ctx, ratelimit.Probe); err == nil {
					grant.Done(ratelimit.OK, 0)
				}
			}()
		}
		synctest.Wait()
		start := time.Now()
		if _, err := NewReader(conn).ListConfigs(t.Context(), "orders", ""); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(start); waited < 6*time.Minute {
			t.Fatalf("waited %v only", waited)
		}
		if want := sent.Format("20060102T150405Z"); signed != want {
			t.Errorf("signed at %s, sent at %s", signed, want)
		}
	})
}

// TestUserAgent: CloudTrail shows who called.
func TestUserAgent(t *testing.T) {
	var agent string
	session, err := Open(t.Context(), Options{Limiters: registry(t), Environment: Environment{
		Version: "1.2.3", Region: "us-east-1", Credentials: keysOf(here.Account),
		HTTPClient: canned(func(r *http.Request) (*http.Response, error) {
			agent = r.Header.Get("User-Agent")
			return answer(r, 200, `{"Functions":[]}`), nil
		}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := operate(t.Context(), NewConn(withCreds(session), here, session.opts.Limiters), opListFunctions, orders); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(agent, "app/eventinvoke-1.2.3") { // the SDK allows no slash within a value
		t.Errorf("the User-Agent is %q", agent)
	}
}

// laneAt is a conn whose limiter has real settings. Within a synctest bubble it
// is closed with the bubble.
func connAt(t *testing.T, s ratelimit.Options, client aws.HTTPClient) *Conn {
	return NewConn(aws.Config{Credentials: keysOf(here.Account), HTTPClient: client}, here, registryAt(t, s))
}
