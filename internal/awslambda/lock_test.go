package awslambda

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go/middleware"
)

// TestReaderSendsOnlyReads calls every operation that the SDK's Lambda client
// has through a Reader's client. Only the four reads may reach the wire, and
// only by GET.
func TestReaderSendsOnlyReads(t *testing.T) {
	sent := sweep(t, func(l *Conn) *lambda.Client { return NewReader(l).client })
	want := []string{"GET ListAliases", "GET ListFunctionEventInvokeConfigs", "GET ListFunctions", "GET ListVersionsByFunction"}
	if !slices.Equal(sent, want) {
		t.Errorf("the Reader's client sent %v, want %v", sent, want)
	}
}

// TestWriterSendsOnlyWrites is the same of a Writer.
func TestWriterSendsOnlyWrites(t *testing.T) {
	sent := sweep(t, func(l *Conn) *lambda.Client { return NewWriter(l).client })
	want := []string{"DELETE DeleteFunctionEventInvokeConfig", "POST UpdateFunctionEventInvokeConfig", "PUT PutFunctionEventInvokeConfig"}
	if !slices.Equal(sent, want) {
		t.Errorf("the Writer's client sent %v, want %v", sent, want)
	}
}

// sweep calls all operations of a client, with every required string filled in,
// and lists what reached the wire.
func sweep(t *testing.T, of func(*Conn) *lambda.Client) []string {
	var sent []string
	client := of(connTo(t, canned(func(r *http.Request) (*http.Response, error) {
		sent = append(sent, r.Method+" "+middleware.GetOperationName(r.Context()))
		return answer(r, 200, `{}`), nil
	})))
	refused := 0
	v := reflect.ValueOf(client)
	for i := range v.NumMethod() {
		if v.Type().Method(i).Type.NumIn() < 3 {
			continue // Options
		}
		in := reflect.New(v.Method(i).Type().In(1).Elem())
		fill(in.Elem())
		err, _ := v.Method(i).Call([]reflect.Value{reflect.ValueOf(t.Context()), in})[1].Interface().(error)
		var forbidden *forbiddenError
		if errors.As(err, &forbidden) {
			refused++
		}
	}
	if refused+len(sent) < 80 {
		t.Errorf("only %d operations were tried: the SDK has more", refused+len(sent))
	}
	slices.Sort(sent)
	return sent
}

func fill(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Kind() == reflect.Pointer && f.Type().Elem().Kind() == reflect.String && f.CanSet() {
			s := "x"
			f.Set(reflect.ValueOf(&s))
		}
	}
}

// TestTheSecondLock: with the first lock taken off the stack, and even under the
// name of a read, nothing but the operation's own method leaves the process.
func TestTheSecondLock(t *testing.T) {
	tests := []struct {
		why, op, method string
		passes          bool
	}{
		{"a read", opListConfigs, http.MethodGet, true},
		{"a write", opPut, http.MethodPut, false},
		{"a write under a read's name", opListConfigs, http.MethodPut, false},
		{"a delete under a read's name", opListAliases, http.MethodDelete, false},
		{"a read under a write's name", opDelete, http.MethodGet, false},
		{"an invocation", "Invoke", http.MethodPost, false},
		{"a request of no operation", "", http.MethodGet, false},
	}
	for _, tt := range tests {
		passed := false
		lock := lockedClient{allowed: readOperations, next: canned(func(r *http.Request) (*http.Response, error) {
			passed = true
			return answer(r, 200, ""), nil
		})}
		ctx := context.Background()
		if tt.op != "" {
			ctx = middleware.WithOperationName(ctx, tt.op)
		}
		r, err := http.NewRequestWithContext(ctx, tt.method, "https://lambda.us-east-1.amazonaws.com/", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = lock.Do(r)
		if passed != tt.passes || (err == nil) != tt.passes {
			t.Errorf("%s: passed %v, want %v (%v)", tt.why, passed, tt.passes, err)
		}
	}
}

// TestBothLocksHold takes each lock away in turn: the other one still holds, and
// says what happened.
func TestBothLocksHold(t *testing.T) {
	put := &lambda.PutFunctionEventInvokeConfigInput{FunctionName: &orders.Function}
	tests := []struct {
		why    string
		bypass func(*lambda.Options, *bool)
	}{
		{"the stack's lock alone", func(o *lambda.Options, sent *bool) { o.HTTPClient = noticing(sent) }},
		{"the HTTP client's lock alone", func(o *lambda.Options, _ *bool) {
			o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
				_, err := s.Initialize.Remove("OperationLock")
				return err
			})
		}},
	}
	for _, tt := range tests {
		sent := false
		client := NewReader(connTo(t, noticing(&sent))).client
		_, err := client.PutFunctionEventInvokeConfig(t.Context(), put, func(o *lambda.Options) { tt.bypass(o, &sent) })
		if sent || err == nil || !strings.Contains(err.Error(), "PutFunctionEventInvokeConfig") || !strings.Contains(err.Error(), "was not sent") {
			t.Errorf("%s: sent %v, error %v", tt.why, sent, err)
		}
	}
}

func noticing(sent *bool) canned {
	return func(r *http.Request) (*http.Response, error) {
		*sent = true
		return answer(r, 200, recordOf(orders)), nil
	}
}
