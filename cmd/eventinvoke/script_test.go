package main

import (
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/internal/awstest"
)

func TestMain(m *testing.M) {
	// Under the race detector a process that ends well sleeps for a second
	// first. The many small ones of these tests have nothing to wait for.
	os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	// And each would collect its garbage a few times before it has begun.
	if os.Getenv("GOGC") == "" {
		os.Setenv("GOGC", "400")
	}
	// Scripts wait, at the pace of a quota, more than they compute: four at a time, unless
	// -parallel says something else, and what computes beside them keep two processors busy.
	if f := flag.Lookup("test.parallel"); f != nil {
		_ = f.Value.Set("4")
	}
	// Goldens hold UTF-8 for whichever locale a developer has, and a CI's own
	// summary is not theirs to fill.
	// A script's own command has the script's environment.
	if command := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe"); command != "eventinvoke" {
		for _, v := range []string{"LC_ALL", "LC_CTYPE", "LANG", "GITHUB_STEP_SUMMARY", "AWS_CA_BUNDLE"} {
			os.Unsetenv(v)
		}
	}
	// The runtime's own goroutine for signals begins with the first Notify, and
	// must not begin in the bubble of whichever test comes first.
	first := make(chan os.Signal, 1)
	signal.Notify(first, os.Interrupt)
	signal.Stop(first)
	testscript.Main(m, map[string]func(){"eventinvoke": watchedMain})
}

// watchedMain is the program of the scripts. It fails where anything that it printed, report
// or message, has a phrase of the SDK or of Go in place of one of ours.
func watchedMain() {
	if isTerminal(os.Stdout) || isTerminal(os.Stderr) {
		main()
	}
	out, err := &awstest.PhraseWatch{To: os.Stdout}, &awstest.PhraseWatch{To: os.Stderr}
	code := runProcess(streams{in: os.Stdin, out: out, err: err})
	for _, w := range []*awstest.PhraseWatch{out, err} {
		if found := w.Found(); found != "" {
			fmt.Fprintln(os.Stderr, "NOT FOR PEOPLE:", found)
			code = 99
		}
	}
	os.Exit(code)
}

// TestScripts runs what users type. Beside the usual commands of testscript:
//
//	exits N COMMAND...   runs a command, which must end with exit code N
//	world SCENARIO       starts a simulated AWS and points the environment at it
//	writes N             the world has seen N requests that write, refused ones included
//	calls OPERATION N    the world has seen N requests of an operation
//	record KEY WANT...   the world's record of FUNCTION:QUALIFIER is retries=N age=N on_success=ARN on_failure=ARN, empty, or none
//	stall N              the Nth write from now on waits in front of the world, until resume or the end of its sender
//	stalled              waits until that write is there
//	resume               lets it go
//	settled N FOLDER     waits until the journals of a history have the results of N writes: a run stores them a little later
//	click KEY WANT...    puts such a record behind everybody's back, as a console click does
//	block PAGE CODE...   runs the next block of commands of a page; each has its exit code, or stopped:CODE if it runs until it is stopped
//	terminal VERB...     runs a verb at pseudo terminals of 60, 80 and 200 columns, which what it says must fit; the file terminal has it
//	typing KEYS VERB...  runs a verb at a pseudo terminal and types KEYS, as Go quotes them, while progress is drawn; the file terminal has the screen at the end
//	swap OLD NEW         replaces words of the blocks after it: an address that must be free, the name of a run
func TestScripts(t *testing.T) {
	t.Parallel()
	worlds, pages := &worldTable{}, &pageRuns{}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			// Nothing of the machine's own AWS settings may reach a script.
			for _, v := range []string{"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"} {
				env.Setenv(v, "")
			}
			env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			env.Setenv("AWS_CONFIG_FILE", env.WorkDir+"/no-config")
			env.Setenv("AWS_SHARED_CREDENTIALS_FILE", env.WorkDir+"/no-credentials")
			env.Setenv("HOME", env.WorkDir)
			// CloudTrail answers twice a second. Scripts about what it tells, or about
			// destinations, ask for that themselves.
			env.Setenv("EVENTINVOKE_INSIGHTS", "off")
			env.Setenv("REPOSITORY", repository())
			env.Setenv("GORACE", os.Getenv("GORACE"))
			env.Setenv("GOGC", os.Getenv("GOGC"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":  exits,
			"world":  worlds.start,
			"writes": worlds.writes,
			"calls":  worlds.calls,
			"record": worlds.record,
			"click":  worlds.click,
			"block":  pages.block,
			"swap":   pages.swap,

			"stall":   worlds.stall,
			"stalled": worlds.stalled,
			"resume":  worlds.resume,
			"expire": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(expire(ts.MkAbs(args[0])))
			},
			"terminal": terminal,
			"typing":   typing,
			"settled":  settled,
		},
	})
}

func settled(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		paths, err := filepath.Glob(filepath.Join(ts.MkAbs(args[1]), "journals", "*", "*.jsonl"))
		ts.Check(err)
		have := 0
		for _, path := range paths {
			text, err := os.ReadFile(path)
			ts.Check(err)
			have += strings.Count(string(text), `"result":`)
		}
		if have == want {
			return
		}
	}
	ts.Fatalf("no %d results within a minute", want)
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		got = failed.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	if args[1] == "eventinvoke" && unexplained(got, ts.ReadFile("stdout"), ts.ReadFile("stderr")) {
		ts.Fatalf("exit code %d without a word", got)
	}
}

// unexplained reports whether a command failed without text for people: then standard error
// tells why.
func unexplained(code int, out, errs string) bool {
	text := out != "" && !strings.HasPrefix(out, "{") && !strings.HasPrefix(out, "<")
	return code != exitOK && code != exitDifferences && !text && errs == ""
}

// worldTable knows the world of each running script.
type worldTable struct {
	mu     sync.Mutex
	of     map[*testscript.TestScript]*awssim.World
	stalls map[*testscript.TestScript]*stall
}

func (w *worldTable) get(ts *testscript.TestScript) *awssim.World {
	w.mu.Lock()
	defer w.mu.Unlock()
	world := w.of[ts]
	if world == nil {
		ts.Fatalf("no world: start one with `world SCENARIO`")
	}
	return world
}

func (w *worldTable) start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: world SCENARIO")
	}
	scenario, err := awssim.ParseScenario(args[0], strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	world, err := awssim.New(scenario)
	ts.Check(err)
	front := &stall{world: world}
	server := httptest.NewServer(front)
	ts.Defer(server.Close)
	ts.Setenv("AWS_ENDPOINT_URL", server.URL)
	ts.Setenv("AWS_ACCESS_KEY_ID", world.DefaultAccessKeyID())
	ts.Setenv("AWS_SECRET_ACCESS_KEY", "simulated")
	ts.Setenv("AWS_REGION", world.DefaultRegion())
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of == nil {
		w.of, w.stalls = map[*testscript.TestScript]*awssim.World{}, map[*testscript.TestScript]*stall{}
	}
	w.of[ts], w.stalls[ts] = world, front
}

func (w *worldTable) writes(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := w.get(ts).Counts().Writes; got != want {
		ts.Fatalf("the world saw %d writes, want %d", got, want)
	}
}

func (w *worldTable) calls(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if got := w.get(ts).Counts().ByOperation[args[0]]; got != want {
		ts.Fatalf("the world saw %d calls of %s, want %d", got, args[0], want)
	}
}

func (w *worldTable) record(ts *testscript.TestScript, _ bool, args []string) {
	world := w.get(ts)
	account, region, function, qualifier := place(world, args[0])
	got := "none"
	if r, ok := world.Record(account, region, function, qualifier); ok {
		got = printRecord(r)
	}
	if want := strings.Join(args[1:], " "); got != want {
		ts.Fatalf("the record of %s is %q, want %q", args[0], got, want)
	}
}

func (w *worldTable) click(ts *testscript.TestScript, _ bool, args []string) {
	world := w.get(ts)
	account, region, function, qualifier := place(world, args[0])
	var r awssim.Record
	for _, setting := range args[1:] {
		key, value, _ := strings.Cut(setting, "=")
		n, _ := strconv.Atoi(value)
		switch key {
		case "retries":
			r.MaximumRetryAttempts = &n
		case "age":
			r.MaximumEventAgeInSeconds = &n
		case "on_failure":
			r.OnFailure = value
		default:
			ts.Fatalf("click knows retries, age and on_failure, not %s", key)
		}
	}
	ts.Check(world.SetRecord(account, region, function, qualifier, r))
}

// place splits FUNCTION or FUNCTION:QUALIFIER in the world's first region.
func place(world *awssim.World, key string) (account, region, function, qualifier string) {
	function, qualifier, _ = strings.Cut(key, ":")
	return strings.TrimPrefix(world.DefaultAccessKeyID(), "AKIA"), world.DefaultRegion(), function, qualifier
}

func printRecord(r awssim.Record) string {
	var parts []string
	if r.MaximumRetryAttempts != nil {
		parts = append(parts, fmt.Sprintf("retries=%d", *r.MaximumRetryAttempts))
	}
	if r.MaximumEventAgeInSeconds != nil {
		parts = append(parts, fmt.Sprintf("age=%d", *r.MaximumEventAgeInSeconds))
	}
	if r.OnSuccess != "" {
		parts = append(parts, "on_success="+r.OnSuccess)
	}
	if r.OnFailure != "" {
		parts = append(parts, "on_failure="+r.OnFailure)
	}
	if parts == nil {
		return "empty"
	}
	return strings.Join(parts, " ")
}
