package export

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// functionNames hold what YAML could take for something else.
var functionNames = []string{"a", "orders", "null", "none", "on", "NO", "0123", "1e3", "0x1F", "-", "_x", "true", "2026-01-01", "with.dot", "12345678901234567890",
	"prod-a", "prod-b", "prod-c", "prod-d", "prod-e", "prod-f-api", "dev-f-api", "dev-g-api"}

var qualifiers = []string{"live", "7", "10", "no", "1e3", "$LATEST.PUBLISHED"}

func drawSettings(t *rapid.T, target desired.Target) reconcile.Settings {
	own := func(service, rest string) string {
		return fmt.Sprintf("arn:%s:%s:%s:%s:%s", target.Partition(), service, target.Region, target.Account, rest)
	}
	destinations := []string{
		"", "", own("sqs", "dlq"), own("sqs", "dlq"), own("sns", "topic"), own("events", "event-bus/orders"),
		own("lambda", "function:orders"), own("lambda", "function:a:live"), own("lambda", "function:a:$LATEST"), own("sqs", "dlq.fifo"),
		"arn:aws:sqs:us-east-1:111111111111:central", "arn:aws:s3:::failures", "arn:aws:kinesis:us-east-1:111111111111:stream/x",
		"kafka://topic", "arn:aws:events:us-east-1:999999999999:event-bus/theirs", "arn:aws:sqs:${region}:111111111111:literal",
	}
	return holds(
		rapid.SampledFrom([]int{-1, -1, 0, 1, 1, 1, 2}).Draw(t, "retries"),
		rapid.SampledFrom([]int{-1, -1, 60, 3600, 3600, 21600, 99999}).Draw(t, "age"),
		rapid.SampledFrom(destinations).Draw(t, "on success"),
		rapid.SampledFrom(destinations).Draw(t, "on failure"))
}

func drawSites(t *rapid.T) []ObservedTarget {
	places := []ObservedTarget{
		prodUS, prodEU, devUS, target("dev", "222222222222", "eu-west-1"), target("stage", "333333333333", "us-east-1"), target("china", "444444444444", "cn-north-1"),
	}
	targets := rapid.SliceOfNDistinct(rapid.SampledFrom(places), 1, 5, func(s ObservedTarget) desired.Target { return s.Target }).Draw(t, "targets")
	if len(targets) == 1 && rapid.Bool().Draw(t, "current credentials") {
		targets[0].Label = ""
	}
	// Few kinds of settings, so that there is something to put together.
	alike := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) reconcile.Settings { return drawSettings(t, prodUS.Target) }), 1, 3).Draw(t, "alike")
	for i := range targets {
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(functionNames), 0, 14, rapid.ID).Draw(t, "functions") {
			f := function(name)
			for _, q := range append([]string{desired.Latest}, rapid.SliceOfNDistinct(rapid.SampledFrom(qualifiers), 0, 2, rapid.ID).Draw(t, "qualifiers")...) {
				s := rapid.SampledFrom(alike).Draw(t, "settings")
				if rapid.IntRange(0, 3).Draw(t, "own settings") == 0 {
					s = drawSettings(t, targets[i].Target)
				}
				f.Records = append(f.Records, under(q, s))
				if q != desired.Latest && rapid.IntRange(0, 5).Draw(t, "orphan") == 0 {
					f.Gone = append(f.Gone, q)
				}
			}
			f.State = rapid.SampledFrom([]reconcile.FunctionState{reconcile.FunctionPresent, reconcile.FunctionPresent, reconcile.FunctionPresent, reconcile.FunctionUnreadable, reconcile.FunctionAbsent}).Draw(t, "state")
			if f.State == reconcile.FunctionUnreadable {
				f.Err = fmt.Errorf("denied: # not a comment\nnor: this")
			}
			targets[i].Functions = append(targets[i].Functions, f)
		}
		asSurveyed(targets[i].Functions)
		if rapid.IntRange(0, 3).Draw(t, "tags are known") > 0 {
			targets[i].Tags = map[string]map[string]string{}
			for _, f := range targets[i].Functions {
				if kind := rapid.SampledFrom([]string{"x", "x", "x", "x", "x", "x", "", "on", "a*", "${b}"}).Draw(t, "tag"); kind != "" {
					targets[i].Tags[f.Function] = map[string]string{rapid.SampledFrom([]string{"kind", "kind", "kind", "kind", "on", "a: b"}).Draw(t, "key"): kind}
				}
			}
		}
		targets[i].Exists = rapid.SliceOfN(rapid.SampledFrom([]string{"prod-z", "stage-f-api"}), 0, 2).Draw(t, "not looked at")
	}
	return targets
}

// TestThePlanAfterAnExportIsEmpty is what export promises: the file declares
// every record that was read, changes none, and says nothing about what was not read.
func TestThePlanAfterAnExportIsEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		targets := drawSites(t)
		records, orphans := 0, 0
		for _, s := range targets {
			for _, f := range s.Functions {
				if f.State == reconcile.FunctionPresent {
					records += len(f.Records)
					orphans += len(f.Gone)
				}
			}
		}
		if records == orphans {
			t.Skip("a file without entries is refused, rightly")
		}
		text, result := writeAny(t, targets)
		plan := planAgain(t, text, targets)
		c := plan.Counts()
		if c.Changes() > 0 || c.Undeclared > 0 || c.MissingQualifiers > 0 || c.Unreadable > 0 || c.MissingFunctions > 0 || c.NotExamined > 0 {
			t.Fatalf("the plan after the export is not empty: %+v\n%s", c, text)
		}
		aside := strings.Count(text, " is not declared, because defaults would speak for it")
		if c.InSync != result.Records || result.Records+aside+orphans != records {
			t.Fatalf("%d records were read, %d written, %d are in sync\n%s", records, result.Records, c.InSync, text)
		}
		if again, _ := writeAny(t, targets); again != text {
			t.Fatalf("the same targets gave two files:\n%s\n%s", text, again)
		}
	})
}

func writeAny(t *rapid.T, targets []ObservedTarget) (string, Result) {
	var b bytes.Buffer
	result, err := Write(&b, targets, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), result
}

// asSurveyed sorts as a survey does.
func asSurveyed(functions []reconcile.ObservedFunction) {
	slices.SortFunc(functions, func(a, b reconcile.ObservedFunction) int { return strings.Compare(a.Function, b.Function) })
	for i := range functions {
		slices.SortFunc(functions[i].Records, func(a, b reconcile.ObservedRecord) int { return strings.Compare(a.Qualifier, b.Qualifier) })
	}
}

// TestTargetsSurviveTheFile: what a target says about credentials and pace comes
// back as it was, whatever YAML could take it for.
func TestTargetsSurviveTheFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := prodUS.with(function("a", latest(holds(1, -1, "", ""))))
		s.Label = rapid.SampledFrom([]string{"prod", "on", "NO", "1", "0x1", "null", "a.b-c_d"}).Draw(t, "label")
		s.RoleARN = "arn:aws:iam::111111111111:role/" + rapid.StringMatching(`[\w+=,.@-]{1,8}`).Draw(t, "role")
		s.ExternalID = rapid.StringMatching(`[\w+=,.@:/-]{2,10}`).Draw(t, "external id")
		s.Quota = rapid.SampledFrom([]float64{0, 7, 12.5, 1000000}).Draw(t, "quota")
		s.RateShare = rapid.SampledFrom([]float64{0, 0.1, 1}).Draw(t, "share")
		text, _ := writeAny(t, []ObservedTarget{s})
		document, err := desired.Loader{Stdin: strings.NewReader(text)}.LoadFiles("-")
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		got, err := document.Targets(desired.Target{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]desired.TargetSpec{s.TargetSpec}, got); diff != "" {
			t.Fatalf("%s\n%s", diff, text)
		}
	})
}
