package main

import (
	"bytes"
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// Whatever runs the engine ends as the help promises, and all verbs in the same way: only
// whether a difference, or what is missing, is a code of its own differs between them.
func TestVerbsEndAlike(t *testing.T) {
	verbs := map[string]func(*app, context.Context, string, readOptions) error{
		"plan": func(a *app, ctx context.Context, path string, o readOptions) error {
			return a.plan(ctx, []string{path}, &o, false, "")
		},
		"plan -d": func(a *app, ctx context.Context, path string, o readOptions) error {
			return a.plan(ctx, []string{path}, &o, true, "")
		},
		"audit": func(a *app, ctx context.Context, path string, o readOptions) error {
			return a.audit(ctx, []string{path}, &o)
		},
		"apply": func(a *app, ctx context.Context, path string, o readOptions) error {
			return a.apply(ctx, []string{path}, &writeOptions{readOptions: o, historyOptions: historyOptions{location: noHistory}, yes: true})
		},
		"adopt": func(a *app, ctx context.Context, path string, o readOptions) error {
			return a.adopt(ctx, []string{path}, &o, true)
		},
		"export": func(a *app, ctx context.Context, path string, o readOptions) error {
			return a.export(ctx, []string{path}, &o)
		},
		"explain": func(a *app, ctx context.Context, path string, o readOptions) error {
			return a.explainKey(ctx, "f-1", []string{path}, &explainOptions{readOptions: o, live: true})
		},
	}
	const fleet = "version: 1\ntargets:\n  - { name: one, account: \"111111111111\", regions: [eu-west-1, us-east-1] }\n"
	const rule = "guard: { max_changes: 100% }\nrules: [{ match: { functions: [\"f-*\"], qualifiers: [\"*\"] }, set: { maximum_retry_attempts: 1 } }]\n"
	list := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/event-invoke-config/list") }
	denyTrail := func(r *http.Request, answer *http.Response) {
		if strings.HasPrefix(r.URL.Host, "cloudtrail.") {
			answer.StatusCode = http.StatusForbidden
			body(answer, `{"__type":"AccessDeniedException","Message":"no"}`)
		}
	}
	deny := func(region string) func(*http.Request, *http.Response) {
		return func(r *http.Request, answer *http.Response) {
			if list(r) && strings.Contains(r.URL.Host, region) {
				answer.StatusCode = http.StatusForbidden
				answer.Header.Set("X-Amzn-ErrorType", "AccessDeniedException")
				body(answer, `{"Message":"no"}`)
			}
		}
	}
	for _, row := range []struct {
		why     string
		fleet   string
		holds   int // retries, on each function
		answer  func(*http.Request, *http.Response)
		stop    string        // when it is interrupted
		timeout time.Duration // while records are read
		all     int           // the code of each verb
		but     map[string]int
		asks    insightsFlag
	}{
		{"in sync", rule, 1, nil, "", 0, exitOK, nil, ""},
		{"something differs", rule, 0, nil, "", 0, exitOK, map[string]int{"plan -d": exitDifferences, "audit": exitDifferences}, ""},
		{"one target may not be read", rule, 0, deny("us-east-1"), "", 0, exitPartial, nil, ""},
		{"nothing may be read", rule, 0, deny(""), "", 0, exitError, nil, ""},
		{"the time is up before the first answer", rule, 0, nil, "", 300 * time.Millisecond, exitPartial, nil, ""},
		{"the time is up among the functions", rule, 0, nil, "", 2 * time.Second, exitPartial, map[string]int{"explain": exitOK}, ""},
		{"an interrupt", rule, 0, nil, "while records are read", 0, exitInterrupted, nil, ""},
		{"an interrupt before anything was asked", rule, 0, nil, "at once", 0, exitInterrupted, nil, ""},
		{"the guard refuses", strings.Replace(rule, "100%", "1", 1), 0, nil, "", 0, exitOK, map[string]int{"plan -d": exitDifferences, "audit": exitDifferences, "apply": exitGuard}, ""},
		{"a function is missing", rule + "functions: [{ name: gone, maximum_retry_attempts: 1 }]\n", 1, nil, "", 0, exitPartial, map[string]int{"export": exitOK, "explain": exitOK}, ""},
		{why: "what was asked for beside is not known", fleet: rule, answer: denyTrail, asks: "on", all: exitPartial, but: map[string]int{"adopt": exitOK, "export": exitOK, "explain": exitOK}},
	} {
		for verb, run := range verbs {
			synctest.Test(t, func(t *testing.T) {
				functions := []awssim.Function{{Name: "f-%d", Count: 40, Records: map[string]awssim.Record{"$LATEST": {MaximumRetryAttempts: &row.holds}}}}
				scenario := &awssim.Scenario{Version: 1, Latency: 400 * time.Millisecond, Accounts: []awssim.Account{{
					Account: "111111111111", Regions: map[string]awssim.Region{"eu-west-1": {Functions: functions}, "us-east-1": {Functions: functions}},
				}}}
				world := newWorld(t, scenario)
				path := filepath.Join(t.TempDir(), "fleet.yaml")
				if err := os.WriteFile(path, []byte(fleet+row.fleet), 0o600); err != nil {
					t.Fatal(err)
				}
				want, other := row.but[verb]
				if !other {
					want = row.all
				}
				for _, format := range []string{"text", "json", "ndjson"} {
					ctx, cancel := context.WithCancelCause(t.Context())
					aws := &between{World: world, answer: row.answer, before: func(r *http.Request) {
						if row.stop == "while records are read" && list(r) {
							cancel(interrupt{os.Interrupt})
						}
					}}
					if row.stop == "at once" {
						cancel(interrupt{os.Interrupt})
					}
					var out, errs bytes.Buffer
					a := &app{ctx: ctx, streams: streams{in: strings.NewReader(""), out: &out, err: &errs}, log: slog.New(slog.DiscardHandler)}
					err := run(a, ctx, path, readOptions{
						insights: row.asks, simulate: "world", simulator: aws, paceOptions: paceOptions{quota: 15, share: 1, timeout: row.timeout},
						outputOptions: outputOptions{format: format, color: "never", quiet: true},
					})
					cancel(nil)
					if code, _ := codeOf(err); code != want {
						t.Errorf("%s, %s -o %s: exit code %d, want %d (%v)\n%s%s", row.why, verb, format, code, want, err, errs.String(), out.String())
					}
					if code, show := codeOf(err); format != "text" && !show && unexplained(code, "", errs.String()) {
						t.Errorf("%s, %s -o %s: exit code %d without a word", row.why, verb, format, code)
					}
					if verb == "apply" { // has changed the world
						world = newWorld(t, scenario)
					}
				}
			})
		}
	}
}

// A code is chosen where its meaning is: for a result of the engine in codeOfResult, for an
// error in codeOf. Elsewhere only the help and the demo name one.
func TestExitCodesAreChosenInOnePlace(t *testing.T) {
	chooses := []string{"codeOf", "codeOfResult", "withLate", "partly", "unusable", "demo"}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || slices.Contains(chooses, fn.Name.Name) {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				name, ok := n.(*ast.Ident)
				if ok && name.Name != "exitOK" && slices.ContainsFunc([]string{"exitError", "exitDifferences", "exitPartial", "exitGuard", "exitHeld", "exitStale"}, func(code string) bool { return name.Name == code }) {
					t.Errorf("%s in %s chooses %s: say it with exitOf, partly or unusable", fn.Name.Name, file, name.Name)
				}
				return true
			})
		}
	}
}

// What ends a run that failed in part is one line: how many failures, and the first, as wide
// as the terminal at most.
func TestClosingLine(t *testing.T) {
	denied := errors.New("111111111111/eu-west-1/orders: ListFunctionEventInvokeConfigs: AccessDeniedException: may not\nnext: allow it")
	call := &callerr.Error{Op: "ListFunctionEventInvokeConfigs", Subject: "111111111111/eu-west-1/orders", Kind: callerr.Denied, Code: "AccessDeniedException", Status: 403, Message: "User ci may not", RequestID: "7f3a"}
	long := errors.New(strings.Repeat("é", 300))
	for _, row := range []struct {
		why      string
		columns  int
		failures []error
		want     string
	}{
		{"none", 0, nil, ""},
		{"one is told as it is", 0, []error{denied}, "eventinvoke: 111111111111/eu-west-1/orders: ListFunctionEventInvokeConfigs: AccessDeniedException: may not\n"},
		{"of several the first", 0, []error{denied, long, long}, "eventinvoke: 3 failures; the first: 111111111111/eu-west-1/orders: ListFunctionEventInvokeConfigs: AccessDeniedException: may not\n"},
		{"in the words of the command line", 0, []error{reconcile.ErrTimeUp}, "eventinvoke: the --timeout passed\n"},
		{"no wider than the terminal", 60, []error{denied, long}, "eventinvoke: 2 failures; the first: 111111111111/eu-west-...\n"},
		{"why and where come first in what there is room for", 80, []error{call}, "eventinvoke: AccessDeniedException: 111111111111/eu-west-1/orders: User ci ma...\n"},
		{"also behind their number", 80, []error{call, long}, "eventinvoke: 2 failures; the first: AccessDeniedException: 111111111111/eu-we...\n"},
		{"all of it where there is room", 200, []error{call}, "eventinvoke: " + call.Error() + "\n"},
		{"in columns, not in bytes", 60, []error{long}, "eventinvoke: " + strings.Repeat("é", 44) + "...\n"},
	} {
		if end := exitOf(&reconcile.RunResult{Declined: true}, aboutFleet, closingIn(row.columns-len(errorPrefix), row.failures)); row.want == "" {
			if code, show := codeOf(end); code != exitError || show {
				t.Errorf("%s: %d, shown %v", row.why, code, show)
			}
		} else if said := errorPrefix + errorText(end) + "\n"; said != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.why, said, row.want)
		}
	}
}
