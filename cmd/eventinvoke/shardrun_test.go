package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/internal/shard"
)

const (
	fleetShards  = 8
	fleetTargets = 40 // ten accounts in four regions
)

var fleetRegions = []string{"eu-central-1", "eu-west-1", "us-east-1", "us-west-2"}

// fortyTargets is a world without a quota, and the fleet file that corrects
// three of the four functions of each target.
func fortyTargets() (*awssim.Scenario, string) {
	two := 2
	regions := map[string]awssim.Region{}
	for _, r := range fleetRegions {
		regions[r] = awssim.Region{Functions: []awssim.Function{
			{Name: "new-%d", Count: 2},
			{Name: "drifted", Records: map[string]awssim.Record{"$LATEST": {MaximumRetryAttempts: &two}}},
			{Name: "insync", Records: map[string]awssim.Record{"$LATEST": {MaximumRetryAttempts: new(int)}}},
		}}
	}
	scenario := &awssim.Scenario{}
	var fleet strings.Builder
	fleet.WriteString("version: 1\nguard: { max_changes: 100% }\ntargets:\n")
	for i := range fleetTargets / len(fleetRegions) {
		id := fmt.Sprintf("%012d", 111111111111+i)
		scenario.Accounts = append(scenario.Accounts, awssim.Account{Account: id, Regions: regions})
		fmt.Fprintf(&fleet, "  - { name: a%d, account: %q, role_arn: \"arn:aws:iam::%s:role/eventinvoke\", regions: [%s] }\n", i, id, id, strings.Join(fleetRegions, ", "))
	}
	fleet.WriteString("defaults: { maximum_retry_attempts: 0 }\nfunctions: [{ name: new-0 }, { name: new-1 }, { name: drifted }, { name: insync }]\n")
	return scenario, fleet.String()
}

var credential = regexp.MustCompile(`Credential=A[KS]IA(\d{12})[^/]*/\d+/([a-z0-9-]+)/lambda/`)

// targetOf is where a signed request goes: a simulated key names its account.
func targetOf(r *http.Request) desired.Target {
	m := credential.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return desired.Target{}
	}
	return desired.Target{Account: m[1], Region: m[2]}
}

// process starts the program as a process of its own.
func process(t *testing.T, said *bytes.Buffer, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := exec.LookPath("eventinvoke")
	if err != nil {
		t.Fatal(err)
	}
	p := exec.Command(binary, args...)
	p.Env = append(os.Environ(), "GOMAXPROCS=1")
	p.Stdout, p.Stderr = said, said
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill() })
	return p
}

// merged is what history says of a run, but for ids and times.
type merged struct {
	State      string
	Applied    int
	Failed     int
	Left       int
	Targets    int
	Incomplete string
	Parts      []struct {
		Items []struct {
			Account, Region, Function, Qualifier string
			Action, Status                       string
			Before, After                        any
		}
	}
}

func historyOf(t *testing.T, run, place string) (code int, m merged) {
	t.Helper()
	code, stdout, stderr := eventinvoke(t.Context(), "history", run, "--history", place, "-o", "json")
	if err := json.Unmarshal([]byte(stdout), &m); err != nil {
		t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	return code, m
}

// changes are the items of all parts by key: a later try of a change counts.
func (m *merged) changes() map[string]string {
	all := map[string]string{}
	for _, p := range m.Parts {
		for _, i := range p.Items {
			all[i.Account+"/"+i.Region+"/"+i.Function+":"+i.Qualifier] = fmt.Sprintf("%s %s from %v", i.Action, i.Status, i.Before)
		}
	}
	return all
}

// TestEightShardsAreOneRun: eight processes share forty targets. One is killed
// in the middle of its writes; history tells which. Started again under the same
// run id, it finishes its part, and what history says of the run is what it says
// of a single process that did it all.
func TestEightShardsAreOneRun(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a killed process cannot be told from a busy one there")
	}
	scenario, text := fortyTargets()
	fleet := write(t, text)
	alone := t.TempDir()
	serve(t, scenario, nil)
	if code, _, stderr := eventinvoke(t.Context(), "apply", "--yes", "--quiet", "--quota", "500", "--run-id", "night", "--history", alone, fleet); code != exitOK {
		t.Fatalf("a single process ended with %d: %s", code, stderr)
	}

	const victim = 3
	var mu sync.Mutex
	writes := 0
	reached, killed := make(chan struct{}), make(chan struct{})
	part := shard.Shard{Index: victim, Count: fleetShards}
	var all []desired.Target
	for _, a := range scenario.Accounts {
		for r := range a.Regions {
			all = append(all, desired.Target{Account: a.Account, Region: r})
		}
	}
	serve(t, scenario, func(r *http.Request) {
		if r.Method == http.MethodGet || !strings.Contains(r.URL.Path, "/event-invoke-config") || !part.Contains(all, targetOf(r)) {
			return
		}
		mu.Lock()
		writes++
		stop := writes == 4
		mu.Unlock()
		if stop {
			close(reached)
			<-killed // so that a write is on its way when it dies
		}
	})
	shared := t.TempDir()
	args := func(i int) []string {
		return []string{"apply", "--yes", "--quiet", "--quota", "500", "--run-id", "night", "--history", shared, "--shard", fmt.Sprintf("%d/%d", i, fleetShards), fleet}
	}
	said := make([]bytes.Buffer, fleetShards)
	processes := make([]*exec.Cmd, fleetShards)
	for i := range processes {
		processes[i] = process(t, &said[i], args(i)...)
	}
	<-reached
	if err := processes[victim].Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for i, p := range processes {
		err := p.Wait()
		if i == victim {
			close(killed)
			continue
		}
		if err != nil {
			t.Errorf("shard %d: %v: %s", i, err, said[i].String())
		}
	}

	if err := expire(shared); err != nil {
		t.Fatal(err)
	}
	code, broken := historyOf(t, "night", shared)
	if want := fmt.Sprintf("shard-%d-of-%d died", victim, fleetShards); code != exitPartial || !strings.Contains(broken.Incomplete, want) || strings.Contains(broken.Incomplete, ",") {
		t.Errorf("with one shard killed: exit %d, %q; want %d and %q alone", code, broken.Incomplete, exitPartial, want)
	}

	var again bytes.Buffer
	if err := process(t, &again, args(victim)...).Wait(); err != nil {
		t.Fatalf("the shard, started again: %v: %s", err, again.String())
	}
	code, whole := historyOf(t, "night", shared)
	_, single := historyOf(t, "night", alone)
	if code != exitOK || whole.Incomplete != "" {
		t.Errorf("after it was started again: exit %d, %q", code, whole.Incomplete)
	}
	if len(single.changes()) != 3*fleetTargets || single.Targets != fleetTargets {
		t.Fatalf("a single process made %d changes in %d targets, want %d in %d", len(single.changes()), single.Targets, 3*fleetTargets, fleetTargets)
	}
	if diff := cmp.Diff(single.changes(), whole.changes()); diff != "" {
		t.Errorf("the changes (-single +shards):\n%s", diff)
	}
	whole.Parts, single.Parts = nil, nil
	if diff := cmp.Diff(single, whole); diff != "" {
		t.Errorf("the run (-single +shards):\n%s", diff)
	}
	if code, stdout, _ := eventinvoke(t.Context(), "audit", "--quiet", "--quota", "500", fleet); code != exitOK {
		t.Errorf("an audit afterwards ends with %d:\n%s", code, stdout)
	}
}

// TestABatchArrayIsOneRun: the children of an array job are shards of a run that
// is named after their parent, with no setting of ours.
func TestABatchArrayIsOneRun(t *testing.T) {
	scenario, text := fortyTargets()
	serve(t, scenario, nil)
	fleet, place := write(t, text), t.TempDir()
	const parent = "3b0c4429-8fc1-4c14-9afb-f4c8996fb924"
	t.Setenv("AWS_BATCH_JOB_ARRAY_SIZE", "2")
	for _, index := range []string{"0", "1"} {
		t.Setenv("AWS_BATCH_JOB_ARRAY_INDEX", index)
		t.Setenv("AWS_BATCH_JOB_ID", parent+":"+index)
		if code, _, stderr := eventinvoke(t.Context(), "apply", "--yes", "--quiet", "--quota", "500", "--history", place, fleet); code != exitOK {
			t.Fatalf("child %s ended with %d: %s", index, code, stderr)
		}
	}
	code, run := historyOf(t, parent, place)
	if code != exitOK || run.Targets != fleetTargets || run.Applied != 3*fleetTargets {
		t.Errorf("exit %d, %d targets, %d applied; want all of %d targets", code, run.Targets, run.Applied, fleetTargets)
	}
}
