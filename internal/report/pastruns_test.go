package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/shard"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

var pastRuns = []struct {
	name, why string
	run       PastRun
}{
	{"history-finished", "one applied, one failed with AWS's words and request id, one left", finishedRun()},
	{"history-died", "the record has only a beginning, so the journal is told", diedRun()},
	{"history-shards", "one shard is missing: the run is not complete", shardedRun()},
	{"history-held", "it ended before it read anything, and says who was in its way", heldRun()},
	{"history-audit", "what drifted since when, the longest first; no item", auditRun()},
	{"history-hostile", "a terminal must not act on what a file name or AWS says", hostileRun()},
}

var somewhere = desired.Target{Account: "111111111111", Region: "eu-west-1"}

func part(run string) history.RunRecord {
	started := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	return history.RunRecord{
		Version: history.RecordVersion, RunID: run, ToolVersion: "1.0.0", Verb: "apply", Host: "ci-7", PID: 4711,
		State: history.Finished, Started: started, Finished: started.Add(2100 * time.Millisecond),
		Callers: []history.Caller{{Target: somewhere, ARN: "arn:aws:sts::111111111111:assumed-role/deploy/eventinvoke"}},
		Files:   []desired.FileInfo{{Path: "fleet.yaml", SHA256: strings.Repeat("5f", 32)}},
		Targets: []history.TargetRecord{{
			Target: somewhere, Label: "shop",
			Plan:       history.PlanCounts{Declared: 12, InSync: 9, Creates: 1, Changes: 2},
			Operations: []reconcile.OperationCount{{Name: "ListFunctionEventInvokeConfigs", Calls: 12}, {Name: "PutFunctionEventInvokeConfig", Calls: 3, Throttled: 1}},
		}},
		Guard: []reconcile.GuardLine{{Rule: "max_changes", Current: 3, Limit: 10, Of: 12}, {Rule: "max_deletes", Current: 0, Limit: 0, Of: 12}},
		Items: []history.Item{}, Findings: []history.Finding{},
	}
}

func item(function string, action reconcile.Action, status string) history.Item {
	i := history.Item{
		Key:    desired.Key{Target: somewhere, Name: desired.Name{Function: function, Qualifier: desired.Latest}},
		Action: action, Status: status, Attempts: 1,
		Request: desired.Config{desired.MaximumRetryAttempts: desired.Number(0)},
	}
	if action != reconcile.Create {
		i.Before = &reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(1)}
	}
	return i
}

func finishedRun() PastRun {
	r := part("20260301T030000Z-7f3a90c1")
	refused := item("checkout", reconcile.Update, "failed")
	refused.Attempts = 2
	refused.Failure = &callerr.Error{Kind: callerr.Refused, Code: "InvalidParameterValueException", Message: "The function execution role does not have permissions to call SendMessage on arn:aws:sqs:eu-west-1:111111111111:dlq", RequestID: "b7e0d1f2-0000-4000-8000-000000000001"}
	refused.Author = &history.LastAuthor{Author: author("ops-admin"), At: r.Started.Add(-time.Hour), Call: "UpdateFunctionEventInvokeConfig"}
	r.AskedMS = 1000
	r.Items = []history.Item{item("billing", reconcile.Create, "applied"), refused, item("orders", reconcile.Update, "not_attempted")}
	return PastRun{Run: history.NewRun(r), Undo: "eventinvoke rollback " + r.RunID}
}

func diedRun() PastRun {
	r := part("20260301T031500Z-00c0ffee")
	r.State, r.Finished, r.Targets, r.Guard = history.Died, time.Time{}, []history.TargetRecord{}, nil
	undo := func(function string, status history.TraceStatus) history.Trace {
		key := item(function, reconcile.Create, "").Key
		return history.Trace{Key: key, Status: status, After: &reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(0)}}
	}
	gone, unknown := undo("legacy", history.Written), undo("checkout", history.Unknown)
	gone.Before, gone.After = gone.After, nil
	unknown.Author = &history.LastAuthor{Author: author("ops-admin"), At: r.Started.Add(-time.Hour), Call: "UpdateFunctionEventInvokeConfig"}
	return PastRun{
		Run:     history.NewRun(r),
		Journal: []history.Trace{undo("billing", history.Written), unknown, gone, undo("orders", history.Unwritten)},
		Undo:    "eventinvoke rollback " + r.RunID,
	}
}

func shardedRun() PastRun {
	r := part("nightly")
	r.Shard = shard.Shard{Index: 0, Count: 2}
	r.Items = []history.Item{item("billing", reconcile.Update, "applied")}
	return PastRun{Run: history.NewRun(r), Undo: "eventinvoke rollback nightly"}
}

func heldRun() PastRun {
	r := part("20260301T032000Z-1234abcd")
	r.State, r.Targets, r.Guard = history.Failed, []history.TargetRecord{}, nil
	r.Stopped = "111111111111/eu-west-1 is held by run 20260301T030000Z-7f3a90c1"
	r.Failure = &callerr.Error{}
	return PastRun{Run: history.NewRun(r)}
}

func drift(function string, day int) history.Drift {
	return history.Drift{Name: desired.Name{Function: function, Qualifier: desired.Latest}, Action: reconcile.Update, Since: time.Date(2026, 2, day, 3, 0, 0, 0, time.UTC)}
}

func auditRun() PastRun {
	r := part("20260301T032500Z-aaaa0001")
	r.Verb, r.Guard = "audit", nil
	r.Targets[0].Drift = []history.Drift{drift("billing", 28), drift("checkout", 3), drift("orders", 28)}
	for i, who := range []string{"alice", "bob"} {
		r.Targets[0].Drift[i].Author = &history.LastAuthor{Author: author(who), At: r.Started.Add(-time.Hour), Call: "PutFunctionEventInvokeConfig"}
	}
	r.Targets[0].Findings = map[string]int{"undeclared": 2, "function_missing": 1}
	r.Targets[0].Plan.Breaches = 1
	return PastRun{Run: history.NewRun(r)}
}

func hostileRun() PastRun {
	r := part("20260301T033000Z-5e0c9a17")
	r.Files[0].Path = "fleet\x1b[2J.yaml"
	r.Job = "https://ci.example/\x1b[31m"
	r.Guard[0].Current, r.GuardOff = 11, "first run\x1b[8m"
	failed := item("billing", reconcile.Update, "failed")
	failed.Failure = &callerr.Error{Kind: callerr.Refused, Message: "no\x1b]0;title\x07\u202e"}
	r.Items = []history.Item{failed}
	return PastRun{Run: history.NewRun(r), Undo: "eventinvoke rollback " + r.RunID + " --history 'a\x1bb'"}
}

func TestPastRun(t *testing.T) {
	for _, row := range pastRuns {
		t.Run(row.name, func(t *testing.T) {
			t.Log(row.why)
			var text, document bytes.Buffer
			if err := RunText(&text, row.run, TextOptions{}); err != nil {
				t.Fatal(err)
			}
			if err := RunJSON(&document, row.run); err != nil {
				t.Fatal(err)
			}
			golden(t, row.name+".txt", text.Bytes())
			golden(t, row.name+".json", document.Bytes())
			if strings.ContainsAny(text.String(), "\x1b\x07\u202e") {
				t.Error("the text holds what a terminal acts on")
			}
		})
	}
}

// TestPastRunGroups: what is alike is told once, however many functions it was done
// to, and --full names each. JSON keeps every item.
func TestPastRunGroups(t *testing.T) {
	r := part("nightly")
	for i := range 400 {
		function := fmt.Sprintf("f%03d", i)
		done := item(function, reconcile.Update, "applied")
		done.Request[desired.OnFailure] = desired.Text("arn:aws:sqs:eu-west-1:111111111111:" + function + "-dlq")
		refused := item("g"+function, reconcile.Update, "failed")
		refused.Failure = &callerr.Error{Kind: callerr.Refused, Subject: somewhere.String() + "/g" + function, Code: "InvalidParameterValueException", Message: "no role of g" + function}
		r.Items = append(r.Items, done, refused)
	}
	other := item("other", reconcile.Create, "applied")
	r.Items = append(r.Items, other)
	whole := PastRun{Run: history.NewRun(r)}
	var text, full, document bytes.Buffer
	if err := errors.Join(RunText(&text, whole, TextOptions{}), RunText(&full, whole, TextOptions{Full: true}), RunJSON(&document, whole)); err != nil {
		t.Fatal(err)
	}
	golden(t, "history-alike.txt", text.Bytes())
	for i := range 400 {
		name := fmt.Sprintf("f%03d", i)
		if !strings.Contains(full.String(), "\n    "+name+"\n") || !strings.Contains(full.String(), "\n    g"+name+"\n") {
			t.Fatalf("--full does not name %s, or the one that failed", name)
		}
		if !strings.Contains(document.String(), `"function": "`+name+`"`) {
			t.Fatalf("the JSON does not have %s", name)
		}
	}
}

// TestAppliedIsCountedOnce: the journals of a run are those of all its parts, also of the
// parts whose record is whole.
func TestAppliedIsCountedOnce(t *testing.T) {
	type (
		items   = map[string]string
		journal = map[string]history.TraceStatus
	)
	for _, row := range []struct {
		why     string
		first   items // of the part that ended
		journal journal
		want    [4]int // applied, unconfirmed, failed, left
	}{
		{"shard 0 ended, shard 1 died", items{"billing": "applied"}, journal{"billing": history.Written, "orders": history.Written}, [4]int{2, 0, 0, 0}},
		{"and may have written", items{"billing": "applied"}, journal{"billing": history.Written, "orders": history.Unknown}, [4]int{1, 1, 0, 0}},
		{"what failed is not in doubt too", items{"billing": "failed", "mail": reconcile.Mismatched.String()}, journal{"billing": history.Unknown, "mail": history.Written, "orders": history.Unwritten}, [4]int{0, 0, 2, 0}},
		{"what one attempt left, the next did", items{"billing": "not_attempted", "mail": history.Planned, "orders": "stale"}, journal{"billing": history.Written, "mail": history.Unknown}, [4]int{1, 1, 0, 1}},
		{"a record that the next attempt was refused over", items{"billing": "applied", "orders": history.Unconfirmed}, nil, [4]int{1, 1, 0, 0}},
	} {
		ended, died := part("nightly"), part("nightly")
		ended.Shard, died.Shard, died.State, died.Targets = shard.Shard{Index: 0, Count: 2}, shard.Shard{Index: 1, Count: 2}, history.Died, nil
		for function, status := range row.first {
			ended.Items = append(ended.Items, item(function, reconcile.Update, status))
		}
		run := PastRun{Run: history.NewRun(ended, died)}
		for _, function := range slices.Sorted(maps.Keys(row.journal)) {
			run.Journal = append(run.Journal, history.Trace{Key: item(function, reconcile.Update, "").Key, Status: row.journal[function], After: &reconcile.Settings{}})
		}
		s := summarise(run)
		if got := [4]int{s.Applied, s.Unconfirmed, s.Failed, s.Left}; got != row.want {
			t.Errorf("%s: applied, unconfirmed, failed, left are %d, want %d", row.why, got, row.want)
		}
		var text bytes.Buffer
		if err := RunText(&text, run, TextOptions{Full: true}); err != nil {
			t.Fatal(err)
		}
		if _, told, _ := strings.Cut(text.String(), "From its journal:"); strings.Contains(told, "billing") != (row.first["billing"] == "not_attempted") {
			t.Errorf("%s: the journal is there for what no record tells\n%s", row.why, text.String())
		}
	}
}

func allRuns() []PastRun {
	declined := part("20260301T034500Z-0badcafe")
	declined.State, declined.Stopped, declined.Items = history.Declined, "it was asked whether to write", []history.Item{item("billing", reconcile.Create, history.Planned)}
	var runs []PastRun
	for _, row := range pastRuns {
		runs = append(runs, row.run)
	}
	return append(runs, PastRun{Run: history.NewRun(declined)})
}

func TestPastRuns(t *testing.T) {
	for _, row := range []struct {
		name, why string
		runs      []PastRun
	}{
		{"history-list", "one line a run", allRuns()},
		{"history-empty", "nothing is no empty table", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Log(row.why)
			var text, document bytes.Buffer
			if err := RunsText(&text, row.runs, TextOptions{}); err != nil {
				t.Fatal(err)
			}
			if err := RunsJSON(&document, row.runs); err != nil {
				t.Fatal(err)
			}
			golden(t, row.name+".txt", text.Bytes())
			golden(t, row.name+".json", document.Bytes())
		})
	}
}

func pastTrends() []history.Trend {
	audit := func(day int, drifted, fresh int) history.AuditCount {
		return history.AuditCount{RunID: fmt.Sprintf("202602%02dT030000Z-aaaa0001", day), Started: time.Date(2026, 2, day, 3, 0, 0, 0, time.UTC), Declared: 12, Drifted: drifted, New: fresh, Undeclared: 2}
	}
	lost := audit(28, 0, 0)
	lost.Declared, lost.Failed = 0, true
	return []history.Trend{
		{Target: somewhere, Label: "shop", Audits: []history.AuditCount{audit(3, 1, 1), audit(27, 1, 0), audit(28, 3, 2)}, Drift: []history.Drift{drift("billing", 28), drift("checkout", 3), drift("orders", 28)}},
		{Target: desired.Target{Account: "222222222222", Region: "us-east-1"}, Label: "dr\x1b[2Jill", Audits: []history.AuditCount{audit(27, 0, 0), lost}, Drift: []history.Drift{}},
	}
}

func TestTrends(t *testing.T) {
	for _, row := range []struct {
		name, why string
		trends    []history.Trend
		damaged   []string
	}{
		{"trend", "each target from audit to audit; unknown is not 0; what is damaged is named", pastTrends(), []string{"20260226T030000Z-aaaa0001"}},
		{"trend-damaged", "two records are not an audit", nil, []string{"20260226T030000Z-aaaa0001", "20260227T030000Z-aaaa0001"}},
		{"trend-empty", "says how an audit comes to be remembered", nil, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Log(row.why)
			var text, document bytes.Buffer
			if err := errors.Join(TrendsText(&text, "audit --history PLACE", row.trends, row.damaged, TextOptions{}), TrendsJSON(&document, row.trends, row.damaged)); err != nil {
				t.Fatal(err)
			}
			golden(t, row.name+".txt", text.Bytes())
			golden(t, row.name+".json", document.Bytes())
		})
	}
}

const historyDocs = "../../docs/history.md"

// TestHistoryDocsListEveryField holds the lists of the page to the code.
func TestHistoryDocsListEveryField(t *testing.T) {
	data, err := os.ReadFile(historyDocs)
	if err != nil {
		t.Fatal(err)
	}
	page := strings.ReplaceAll(string(data), "- [config](output.md#config)", "- `"+strings.Join(tags(reflect.TypeFor[KeyJSON]()), "`, `")+"`")
	of := func(v any) []string {
		names := tags(reflect.TypeOf(v))
		for i := range names {
			names[i], _, _ = strings.Cut(names[i], ",")
		}
		return slices.DeleteFunc(names, func(name string) bool { return name == "-" })
	}
	for heading, v := range map[string]any{
		"runs": runLine{}, "parts.callers": callerJSON{}, "parts.files": desired.FileInfo{}, "parts.guard": reconcile.GuardLine{}, "trend.targets.audits": history.AuditCount{},
		"parts.targets.plan": history.PlanCounts{},
	} {
		if diff := cmp.Diff(of(v), section(page, heading)); diff != "" {
			t.Errorf("%s, section %s (-code +docs):\n%s", historyDocs, heading, diff)
		}
	}
	// What is stored, in part as every document has it.
	for heading, v := range map[string]any{"parts": partJSON{}, "parts.targets": pastTargetJSON{}} {
		code, docs := of(v), section(page, heading)
		slices.Sort(code)
		slices.Sort(docs)
		if diff := cmp.Diff(slices.Compact(code), docs); diff != "" {
			t.Errorf("%s, section %s (-code +docs):\n%s", historyDocs, heading, diff)
		}
	}
	died := diedRun()
	for heading, v := range map[string]any{
		"parts.targets.drift": newPart(auditRun().Attempts[0]).Targets[0].Drift[0], "parts.items": newPart(finishedRun().Attempts[0]).Items[1],
		"journal": newTrace(Past(died))(died.Journal[1]),
	} {
		if diff := cmp.Diff(keysOf(t, v), section(page, heading)); diff != "" {
			t.Errorf("%s, section %s (-code +docs):\n%s", historyDocs, heading, diff)
		}
	}
	// Also what only some lines of a journal have, each by one name in Go and in JSON.
	for f := range reflect.TypeFor[history.Trace]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.Anonymous && (name != strings.ToLower(f.Name) || !strings.Contains(page, "`"+name+"`")) {
			t.Errorf("%s is %q in JSON, which is another name or not in %s", f.Name, name, historyDocs)
		}
	}
}

// keysOf are the keys of a value's JSON object, in order.
func keysOf(t *testing.T, v any) []string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, m := range regexp.MustCompile(`(?m)^ "([a-z_]+)":`).FindAllSubmatch(text, -1) {
		keys = append(keys, string(m[1]))
	}
	return keys
}
