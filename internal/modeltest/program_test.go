package modeltest

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// binary is the program, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "modeltest")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "eventinvoke.exe")
	if text, err := exec.Command("go", "build", "-o", binary, "../../cmd/eventinvoke").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, text)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// report is what the model looks at of the program's JSON.
type report struct {
	Error   *struct{ Kind, Message string }
	Refused *struct{ Kind, Message string }
	Summary struct {
		InSync  int `json:"in_sync"`
		Skipped int
	}
	Items      []item
	Unreadable []item
	Missing    []item
	Undeclared []item
	Orphans    []item
	Ignored    []item
	Unjudged   []item
	Breaches   []struct {
		item
		Requirement, Setting string
		Now, Planned         bool
	}
	Guard []struct {
		Rule               string
		Current, Limit, Of int
		Exceeded           bool
	}
}

type item struct{ Target, Function, Qualifier, Action, Status, Reason string }

func (i item) config() string { return i.Target + "/" + i.Function + ":" + i.Qualifier }

// sandbox is a world behind a socket, with fleet files and a history beside it.
type sandbox struct {
	dir   string
	files []string
	env   []string
}

func newSandbox(t *rapid.T, f fleet, sim *awssim.World, url string) sandbox {
	dir, err := os.MkdirTemp(filepath.Dir(binary), "sandbox")
	if err != nil {
		t.Fatal(err)
	}
	s := sandbox{dir: dir, env: []string{
		"HOME=" + dir, "AWS_ENDPOINT_URL=" + url, "AWS_REGION=eu-west-1",
		"AWS_ACCESS_KEY_ID=" + sim.DefaultAccessKeyID(), "AWS_SECRET_ACCESS_KEY=simulated",
		"AWS_EC2_METADATA_DISABLED=true", "EVENTINVOKE_INSIGHTS=off", // of which the model knows nothing
		"SYSTEMROOT=" + os.Getenv("SYSTEMROOT"),
	}}
	for i := range f.files {
		path := filepath.Join(dir, fmt.Sprintf("fleet%d.yaml", i))
		if err := os.WriteFile(path, []byte(f.yaml(i)), 0o600); err != nil {
			t.Fatal(err)
		}
		s.files = append(s.files, path)
	}
	return s
}

// run runs the program as a person would.
func (s sandbox) run(t *rapid.T, args ...string) (code int, r report, text string) {
	var stdout, stderr bytes.Buffer
	command := exec.Command(binary, append(args, "-o", "json", "--quota", "500", "--quiet")...)
	command.Env, command.Dir, command.Stdout, command.Stderr = s.env, s.dir, &stdout, &stderr
	err := command.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if stdout.Len() > 0 {
		if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, stdout.String())
		}
	}
	return command.ProcessState.ExitCode(), r, stdout.String() + stderr.String()
}

func TestTheProgramIsOfTheModelsOpinion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		places, sections := drawPlaces(t)
		w := drawWorld(t, places)
		f := drawFleet(t, places, sections)
		sim, err := awssim.New(w.scenario(places, rapid.Uint64().Draw(t, "seed")))
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(sim)
		defer server.Close()
		s := newSandbox(t, f, sim, server.URL)
		defer os.RemoveAll(s.dir) // what stays is below what TestMain removes

		c := comparison{t: t, fleet: f, world: w}
		want := predict(f, w)
		c.plan(s, want)
		c.holds("plan: what AWS holds", sim, w.records())
		c.apply(s, sim, want)
	})
}

// comparison holds what the program did against what was predicted.
type comparison struct {
	t     *rapid.T
	fleet fleet
	world world
	last  string // what the program said last
}

func (c *comparison) differ(what string, got, want any) {
	c.t.Helper()
	var files strings.Builder
	for i := range c.fleet.files {
		fmt.Fprintf(&files, "--- fleet%d.yaml\n%s", i, c.fleet.yaml(i))
	}
	c.t.Fatalf("%s\n got %v\nwant %v\n%s--- world\n%s--- program\n%.3000s", what, got, want, files.String(), c.world, c.last)
}

func (c *comparison) same(what string, got, want any) {
	c.t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w { // maps are printed sorted
		c.differ(what, g, w)
	}
}

// holds compares records, and shows only those that differ.
func (c *comparison) holds(what string, sim *awssim.World, want map[string]settings) {
	c.t.Helper()
	got := look(sim, c.world)
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if r, there := got[key]; !there || r != want[key] {
			lines = append(lines, fmt.Sprintf("%s: %q, want %q", key, r, want[key]))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, there := want[key]; !there {
			lines = append(lines, fmt.Sprintf("%s: %q, want no record", key, got[key]))
		}
	}
	if lines != nil {
		c.differ(what, strings.Join(lines, "\n     "), "(as said)")
	}
}

// set compares lists of configs in any order.
func (c *comparison) set(what string, got []item, want []string) {
	c.t.Helper()
	var configs []string
	for _, i := range got {
		configs = append(configs, i.config())
	}
	slices.Sort(configs)
	want = slices.Clone(want)
	slices.Sort(want)
	c.same(what, configs, want)
}

func (c *comparison) plan(s sandbox, want prediction) {
	verb := rapid.SampledFrom([]string{"plan", "audit"}).Draw(c.t, "verb")
	code, got, text := s.run(c.t, append([]string{verb}, s.files...)...)
	c.last = text
	wantCode := want.code(c.fleet, false)
	if verb == "audit" && wantCode == 0 && len(want.changes)+len(want.breaches) > 0 {
		wantCode = 2
	}
	c.same(verb+": exit code", code, wantCode)
	if want.errors != nil {
		var told []string
		for _, code := range []string{"EI018", "EI019", "EI034", "EI062", "EI064", "EI072"} {
			if strings.Contains(text, code) {
				told = append(told, code)
			}
		}
		lacks := func(of []string) func(string) bool {
			return func(code string) bool { return !slices.Contains(of, code) }
		}
		if told == nil || slices.ContainsFunc(told, lacks(want.errors)) || slices.ContainsFunc(want.atOnce, lacks(told)) {
			c.differ(verb+": errors", told, fmt.Sprintf("%v, at once %v", want.errors, want.atOnce))
		}
		return
	}
	c.report(verb, got, want)
	c.set(verb+": undeclared", got.Undeclared, want.undeclared)
	c.set(verb+": orphans", got.Orphans, want.orphans)
	// What is too much now and would be too little is told in two lines, and one breach to the model.
	both := map[string][2]bool{}
	for _, b := range got.Breaches {
		key := b.config() + " " + b.Requirement + " " + b.Setting
		both[key] = [2]bool{both[key][0] || b.Now, both[key][1] || b.Planned}
	}
	var breaches, unjudged []string
	for key, when := range both {
		breaches = append(breaches, fmt.Sprint(key, " now ", when[0], " planned ", when[1]))
	}
	for _, i := range got.Unjudged {
		unjudged = append(unjudged, i.Target+"/"+i.Function)
	}
	c.same(verb+": breaches", slices.Sorted(slices.Values(breaches)), slices.Sorted(slices.Values(want.breaches)))
	c.same(verb+": unjudged", slices.Sorted(slices.Values(unjudged)), slices.Sorted(slices.Values(want.unjudged)))
}

// report compares what plan and apply have in common.
func (c *comparison) report(verb string, got report, want prediction) {
	actions := map[string]string{}
	for key, change := range want.changes {
		actions[key] = change.action
	}
	planned := map[string]string{}
	for _, i := range got.Items {
		planned[i.config()] = i.Action
	}
	c.same(verb+": changes", planned, actions)
	missing := map[string]string{}
	for _, i := range got.Missing {
		missing[i.config()] = i.Reason
	}
	c.same(verb+": missing", missing, want.missing)
	c.set(verb+": unreadable", got.Unreadable, want.unreadable)
	c.same(verb+": in sync", got.Summary.InSync, len(want.inSync))
	c.same(verb+": skipped", got.Summary.Skipped, len(want.skipped))
	var ignored []string
	for _, i := range got.Ignored {
		ignored = append(ignored, i.Target+"/"+i.Function)
	}
	slices.Sort(ignored)
	wantIgnored := slices.Sorted(slices.Values(want.ignored))
	c.same(verb+": ignored", slices.Compact(ignored), slices.Compact(wantIgnored))
	limits := map[string]int{}
	exceeded := false
	for _, g := range got.Guard {
		limits[g.Rule] = g.Limit
		exceeded = exceeded || g.Exceeded
	}
	c.same(verb+": limits of the guard", limits, want.limits)
	c.same(verb+": guard exceeded", exceeded, want.refused)
}

func (c *comparison) apply(s sandbox, sim *awssim.World, want prediction) {
	history := filepath.Join(s.dir, "history")
	before := c.world.records()
	code, got, text := s.run(c.t, append([]string{"apply", "--yes", "--history", history}, s.files...)...)
	c.last = text
	c.same("apply: exit code", code, want.code(c.fleet, true))
	after := maps.Clone(before)
	writes := 0
	if code != 1 && code != 4 {
		c.report("apply", got, want)
		for key, change := range want.changes {
			switch {
			case change.fails():
			case change.action == "delete":
				delete(after, key)
				writes++
			default:
				after[key] = change.after
				writes++
			}
		}
	}
	if code == 0 || code == 3 {
		for _, i := range got.Items {
			status := "applied"
			if want.changes[i.config()].fails() {
				status = "failed"
			}
			c.same("apply: status of "+i.config(), i.Status, status)
		}
	}
	c.holds("apply: what AWS holds", sim, after)
	c.same("apply: writes", sim.Counts().Applied, writes)
	c.untouched(sim, want)
	if writes == 0 {
		return
	}

	code, _, text = s.run(c.t, "rollback", "latest", "--yes", "--history", history)
	c.last = text
	wantCode := 0
	restored := 0
	applied := maps.Clone(after)
	for key, change := range want.changes {
		switch {
		case change.fails():
		case change.wayBackFails():
			wantCode = 3
		case change.action == "create":
			delete(after, key)
			restored++
		default:
			after[key] = change.before
			restored++
		}
	}
	c.same("rollback: exit code", code, wantCode)
	c.holds("rollback: what AWS holds", sim, after)
	c.same("rollback: writes", sim.Counts().Applied, writes+restored)
	c.untouched(sim, want)
	if restored == 0 || !rapid.Bool().Draw(c.t, "and forth") {
		return
	}

	// A rollback is a run, and can be rolled back: what was applied is there again.
	code, _, text = s.run(c.t, "rollback", "latest", "--yes", "--history", history)
	c.last = text
	c.same("rollback of the rollback: exit code", code, 0)
	c.holds("rollback of the rollback: what AWS holds", sim, applied)
	c.same("rollback of the rollback: writes", sim.Counts().Applied, writes+2*restored)
}

// untouched holds that nobody asked AWS about the config of an ignored function.
func (c *comparison) untouched(sim *awssim.World, want prediction) {
	for _, call := range sim.Calls() {
		name := call.Account + "/" + call.Region + "/" + call.Function
		if strings.Contains(call.Operation, "EventInvokeConfig") && slices.Contains(want.ignored, name) {
			c.differ("ignored functions", call.Operation+" of "+name, "no call")
		}
	}
}
