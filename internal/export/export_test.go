package export

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

var (
	prodUS = target("prod", "111111111111", "us-east-1")
	prodEU = target("prod", "111111111111", "eu-west-1")
	devUS  = target("dev", "222222222222", "us-east-1")
)

func target(label, account, region string, functions ...reconcile.ObservedFunction) ObservedTarget {
	s := ObservedTarget{Functions: functions}
	s.Label, s.Target = label, desired.Target{Account: account, Region: region}
	return s
}

func (s ObservedTarget) with(functions ...reconcile.ObservedFunction) ObservedTarget {
	s.Functions = functions
	return s
}

func function(name string, records ...reconcile.ObservedRecord) reconcile.ObservedFunction {
	return reconcile.ObservedFunction{Function: name, State: reconcile.FunctionPresent, Records: records, AliasesListed: true, VersionsListed: true}
}

func latest(s reconcile.Settings) reconcile.ObservedRecord { return under(desired.Latest, s) }

func under(qualifier string, s reconcile.Settings) reconcile.ObservedRecord {
	return reconcile.ObservedRecord{Qualifier: qualifier, Settings: &s, Modified: 1}
}

// holds makes settings; a negative number and "" are unset.
func holds(retries, age int, onSuccess, onFailure string) reconcile.Settings {
	s := reconcile.Settings{desired.OnSuccess: desired.Text(onSuccess), desired.OnFailure: desired.Text(onFailure)}
	if retries >= 0 {
		s[desired.MaximumRetryAttempts] = desired.Number(retries)
	}
	if age >= 0 {
		s[desired.MaximumEventAgeInSeconds] = desired.Number(age)
	}
	return reconcile.NewSettings(s)
}

func write(t testing.TB, targets []ObservedTarget) (string, Result) {
	t.Helper()
	var b bytes.Buffer
	result, err := Write(&b, targets, []string{"Exported by a test."})
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), result
}

// planAgain loads an exported file and compares it with the records it was made of.
func planAgain(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string, targets []ObservedTarget) reconcile.Plan {
	t.Helper()
	document, err := desired.Loader{Stdin: strings.NewReader(text)}.LoadFiles("-")
	if err != nil {
		t.Fatalf("the exported file is refused: %v\n%s", err, text)
	}
	var ambient desired.Target
	if targets[0].Label == "" {
		ambient = targets[0].Target
	}
	inventory := desired.Inventory{}
	for _, s := range targets {
		if s.Err != nil {
			continue
		}
		exist := slices.Clone(s.Exists)
		for _, f := range s.Functions {
			if f.State != reconcile.FunctionAbsent {
				exist = append(exist, f.Function)
			}
		}
		slices.Sort(exist)
		inventory[s.Target] = desired.TargetInventory{Functions: slices.Compact(exist), Tags: s.Tags}
	}
	fleet, err := document.Resolve(ambient, inventory, desired.Selection{})
	if err != nil {
		t.Fatalf("the exported file does not resolve: %v\n%s", err, text)
	}
	var live reconcile.Observed
	for _, s := range targets {
		live.Targets = append(live.Targets, reconcile.ObservedTarget{Target: s.Target, Functions: s.Functions})
	}
	return reconcile.NewPlan(fleet, live)
}

// alike are functions with so many retries.
func alike(retries int, names ...string) (all []reconcile.ObservedFunction) {
	for _, name := range names {
		all = append(all, function(name, latest(holds(retries, -1, "", ""))))
	}
	return all
}

func tagged(s ObservedTarget, key, value string, names ...string) ObservedTarget {
	if s.Tags == nil {
		s.Tags = map[string]map[string]string{}
	}
	for _, name := range names {
		if s.Tags[name] == nil {
			s.Tags[name] = map[string]string{}
		}
		s.Tags[name][key] = value
	}
	return s
}

const queue = "arn:aws:sqs:us-east-1:111111111111:dlq"

func queueIn(s ObservedTarget, name string) string {
	return "arn:aws:sqs:" + s.Region + ":" + s.Account + ":" + name
}

func TestWriteGolden(t *testing.T) {
	for _, row := range []struct {
		name, why string
		targets   []ObservedTarget
		want      Result
	}{
		{
			name: "one-target", why: "the current credentials: no targets section, plain ARNs, common values as defaults",
			targets: []ObservedTarget{target("", "111111111111", "us-east-1",
				function("checkout", latest(holds(0, 3600, "", queue)), under("live", holds(0, 60, "", queue))),
				function("invoices", latest(holds(0, 3600, "", queue))),
				function("mailer", latest(holds(2, 3600, "", queue))),
				function("reports", latest(holds(0, 3600, "", ""))),
				function("silent", latest(holds(-1, -1, "", ""))),
				function("without"),
			)},
			want: Result{Records: 6},
		},
		{
			name: "many-targets", why: "what is alike everywhere is written once; the rest by label or, within a label, by ARN",
			targets: []ObservedTarget{
				prodUS.with(
					function("everywhere", latest(holds(1, -1, "", queueIn(prodUS, "dlq")))),
					function("labelled", latest(holds(0, -1, "", queueIn(prodUS, "dlq")))),
					function("one-region", latest(holds(1, -1, queueIn(prodUS, "done"), queueIn(prodUS, "dlq"))))),
				prodEU.with(
					function("everywhere", latest(holds(1, -1, "", queueIn(prodEU, "dlq")))),
					function("labelled", latest(holds(0, -1, "", queueIn(prodEU, "dlq"))))),
				devUS.with(
					function("everywhere", latest(holds(1, -1, "", queueIn(devUS, "dlq")))),
					function("labelled", latest(holds(2, -1, "", queueIn(devUS, "dlq"))))),
			},
			want: Result{Records: 7},
		},
		{
			name: "central", why: "a queue that several accounts share stays an ARN, with a word where it is foreign",
			targets: []ObservedTarget{
				prodUS.with(function("a", latest(holds(-1, -1, "", queue))), function("b", latest(holds(-1, -1, "", queue)))),
				devUS.with(function("a", latest(holds(-1, -1, "", queue))), function("b", latest(holds(-1, -1, "", queue)))),
			},
			want: Result{Records: 4},
		},
		{
			name: "tags", why: "a tag that only functions of one kind have says it where names do not; one that another has too, or lacks in one target, does not",
			targets: []ObservedTarget{
				tagged(tagged(tagged(prodUS.with(alike(1, "checkout", "invoice", "ledger", "refund", "search")...), "team", "pay", "checkout", "invoice", "ledger", "refund"),
					"area", "north", "checkout", "invoice", "ledger", "refund"), "basis", "go", "checkout", "invoice", "ledger", "refund", "search"),
				tagged(tagged(prodEU.with(alike(1, "checkout", "invoice", "ledger", "refund")...), "team", "pay", "checkout", "invoice", "ledger", "refund"),
					"basis", "go", "checkout", "invoice", "ledger", "refund"),
				tagged(devUS.with(alike(2, "app-a", "app-b", "app-c", "app-d", "tool")...), "kind", "app", "app-a", "app-b", "app-c", "app-d", "tool"),
			},
			want: Result{Records: 14},
		},
		{
			name: "odd", why: "what cannot be declared, or should be looked at, is a comment",
			targets: []ObservedTarget{target("", "111111111111", "us-east-1",
				function("fifo", latest(holds(1, -1, "", queue+".fifo"))),
				function("fifo-only", latest(holds(-1, -1, "", queue+".fifo"))),
				function("elsewhere", latest(holds(-1, -1, "arn:aws:sns:eu-west-1:222222222222:done", ""))),
				function("itself", latest(holds(-1, -1, "arn:aws:lambda:us-east-1:111111111111:function:itself:live", ""))),
				function("dollar", latest(holds(0, -1, "arn:aws:lambda:us-east-1:111111111111:function:other:$LATEST", ""))),
				reconcile.ObservedFunction{Function: "orphaned", State: reconcile.FunctionPresent, Gone: []string{"gone"}, Records: []reconcile.ObservedRecord{under("gone", holds(0, -1, "", ""))}},
				reconcile.ObservedFunction{Function: "unsure", State: reconcile.FunctionPresent, QualifierErr: errors.New("ListAliases: denied"), Records: []reconcile.ObservedRecord{under("7", holds(0, -1, "", ""))}},
				function("hopeless", latest(holds(7, 1, queue+".fifo", queue+".fifo"))),
				function("bad name", latest(holds(0, -1, "", ""))),
				reconcile.ObservedFunction{Function: "unread", State: reconcile.FunctionUnreadable, Err: errors.New("no\nway\x07 in")},
				reconcile.ObservedFunction{Function: "unseen"},
				reconcile.ObservedFunction{Function: "deleted", State: reconcile.FunctionAbsent},
			)},
			want: Result{Records: 6, Unreadable: 2, Inexpressible: 5},
		},
		{
			name: "unread-target", why: "nothing is declared for a target that was not read, not even what is alike in all others",
			targets: []ObservedTarget{
				prodUS.with(function("a", latest(holds(1, -1, "", "")))),
				{TargetSpec: devUS.TargetSpec, Err: errors.New("the role cannot be assumed")},
			},
			want: Result{Records: 1, Unreadable: 1},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, s := range row.targets {
				asSurveyed(s.Functions)
			}
			text, result := write(t, row.targets)
			if result != row.want {
				t.Errorf("%s: got %+v, want %+v", row.why, result, row.want)
			}
			path := "testdata/" + row.name + ".yaml"
			if *update {
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(golden), text); diff != "" {
				t.Errorf("%s (-want +got), go test -update writes it:\n%s", row.why, diff)
			}
			plan := planAgain(t, text, row.targets)
			if c := plan.Counts(); c.Changes() > 0 || c.InSync+c.Unreadable != result.Records {
				t.Errorf("%s: the plan after is not empty: %+v", row.why, c)
			}
		})
	}
}

func TestTheOrderOfSitesDoesNotMatter(t *testing.T) {
	targets := []ObservedTarget{
		prodUS.with(function("a", latest(holds(1, -1, "", queue)))),
		devUS.with(function("b", latest(holds(0, 60, "", queue)))),
		prodEU.with(function("a", latest(holds(1, -1, "", "")))),
	}
	first, _ := write(t, targets)
	slices.Reverse(targets)
	second, _ := write(t, targets)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
}

func TestWriteRefusesSitesThatOneFileCannotTellApart(t *testing.T) {
	for _, row := range []struct {
		why     string
		targets []ObservedTarget
		want    string
	}{
		{"nothing at all", nil, "no target"},
		{"one target twice", []ObservedTarget{prodUS, prodUS}, "twice"},
		{"two targets, one without a label", []ObservedTarget{prodUS, target("", "222222222222", "us-east-1")}, "no label"},
	} {
		if _, err := Write(&bytes.Buffer{}, row.targets, nil); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want an error with %q", row.why, err, row.want)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, context.Canceled }

func TestAFailedWriteIsAnError(t *testing.T) {
	if _, err := Write(brokenPipe{}, []ObservedTarget{prodUS}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Each record of a function is declared, or told of, whichever stand before it.
func TestEachRecordIsDeclaredOrTold(t *testing.T) {
	fifo := queue + ".fifo"
	records := []reconcile.ObservedRecord{
		under("gone", holds(0, -1, "", "")), under("no alias", holds(0, -1, "", "")), under("hopeless", holds(7, 1, fifo, fifo)), under("good", holds(0, -1, "", "")), under("live", holds(1, -1, "", "")),
	}
	rapid.Check(t, func(t *rapid.T) {
		f := function("f", rapid.Permutation(records).Draw(t, "records")...)
		f.Gone = []string{"gone"}
		text, result := writeAny(t, []ObservedTarget{target("", "111111111111", "us-east-1", f)})
		if result.Records != 2 {
			t.Errorf("%d records are declared, want 2", result.Records)
		}
		for _, want := range []string{"qualifier: good\n", "qualifier: live\n", "f:gone is not declared, because it is an orphan", "f:no alias cannot be declared", "f:hopeless cannot be declared"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q:\n%s", want, text)
			}
		}
	})
}

// What was not read is told of in each target, whichever of them was not read at all.
func TestWhatWasNotReadIsToldInEachTarget(t *testing.T) {
	for i := range 3 {
		targets := []ObservedTarget{prodUS, prodEU, devUS}
		for j := range targets {
			targets[j] = targets[j].with(reconcile.ObservedFunction{Function: "unread", State: reconcile.FunctionUnreadable, Err: errors.New("no way in")})
		}
		targets[i].Err = errors.New("the role cannot be assumed")
		text, result := write(t, targets)
		if result.Unreadable != 3 {
			t.Errorf("%d were not read, want 3", result.Unreadable)
		}
		for j := range targets {
			want := targets[j].Target.String() + "/unread: no way in"
			if j == i {
				want = "all of " + targets[j].Target.String() + ": the role cannot be assumed"
			}
			if !strings.Contains(text, want) {
				t.Errorf("no %q:\n%s", want, text)
			}
		}
	}
}

// What says the same under another qualifier, and is too little for a rule, keeps the rest from none.
func TestAFewKeepNoRuleFromTheRest(t *testing.T) {
	for _, few := range []string{"a", "z"} {
		functions := append(alike(2, "p-1", "p-2", "p-3", "p-4", "p-5", "p-6"), function(few, under("7", holds(2, -1, "", ""))))
		slices.SortFunc(functions, func(a, b reconcile.ObservedFunction) int { return strings.Compare(a.Function, b.Function) })
		targets := []ObservedTarget{target("", "111111111111", "us-east-1", functions...)}
		text, result := write(t, targets)
		plan := planAgain(t, text, targets)
		if c := plan.Counts(); result.Records != 7 || c.InSync != 7 || !strings.Contains(text, `functions: ["p-*"]`) {
			t.Errorf("%s: %+v, %+v\n%s", few, result, c, text)
		}
	}
}
