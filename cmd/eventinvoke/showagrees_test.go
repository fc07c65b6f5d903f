package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/planfile"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// drawSavable is any plan that can be saved, of two fleet files, with changes and findings of all kinds.
func drawSavable(t *rapid.T) planfile.Saved {
	s := planfile.Saved{
		RunID: "r", ToolVersion: "v", Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Files:             []desired.FileInfo{{Path: "fleet/a.yaml", SHA256: strings.Repeat("ab", 32)}, {Path: "fleet/b.yaml", SHA256: strings.Repeat("cd", 32)}},
		MissingFunctions:  desired.MissingPolicy(rapid.IntRange(0, 1).Draw(t, "missing functions")),
		MissingQualifiers: desired.MissingPolicy(rapid.IntRange(0, 1).Draw(t, "missing qualifiers")),
	}
	origin := func(layer desired.Layer, what string) desired.Origin {
		return desired.Origin{File: rapid.SampledFrom([]string{"fleet/a.yaml", "fleet/b.yaml"}).Draw(t, what+" file"), Line: rapid.IntRange(1, 9).Draw(t, what+" line"), Layer: layer, Rule: "of <all>"}
	}
	before := &reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(2), desired.OnFailure: desired.Text("arn:aws:sqs:eu-west-1:111111111111:q")}
	for i := range rapid.IntRange(1, 2).Draw(t, "targets") {
		p := reconcile.TargetPlan{Target: desired.Target{Account: "111111111111", Region: fmt.Sprintf("eu-west-%d", i+1)}, Label: "prod"}
		for j := range rapid.IntRange(0, 6).Draw(t, "configs") {
			name := desired.Name{Function: fmt.Sprintf("f%d", j), Qualifier: rapid.SampledFrom([]string{desired.Latest, "live"}).Draw(t, "qualifier")}
			origins := &desired.Origins{Entry: origin(desired.LayerFunction, "entry")}
			origins.Settings[desired.MaximumRetryAttempts] = origin(desired.LayerRule, "setting")
			p.Declared++
			switch place := rapid.IntRange(0, 12).Draw(t, "place"); {
			case place == 0:
				p.InSync++
			case place == 1:
				p.Skipped++
			case place == 2:
				p.Declared--
				p.Ignored = append(p.Ignored, desired.Ignored{Name: name, By: origin(desired.LayerIgnore, "ignore"), Reason: "why", Until: "2027-03-31"})
			case place < 6:
				want := &desired.Config{desired.MaximumRetryAttempts: desired.Number(place % 2), desired.OnFailure: desired.Text("")}
				c := reconcile.Change{Name: name, Want: want, Origins: origins, Action: rapid.SampledFrom([]reconcile.Action{reconcile.Create, reconcile.Update, reconcile.Delete}).Draw(t, "action")}
				if c.Action != reconcile.Create {
					c.Before, c.Modified = before, 12
				}
				if c.Action == reconcile.Delete && rapid.Bool().Draw(t, "undeclared") {
					c.Want, c.Origins = nil, nil
					p.Declared--
				}
				p.Changes = append(p.Changes, c)
			default:
				f := reconcile.Finding{Name: name, Kind: reconcile.FindingKind(place - 6), Origins: origins}
				switch f.Kind {
				case reconcile.FindingUnreadable:
					f.Err = &callerr.Error{Op: "ListFunctionEventInvokeConfigs", Subject: name.String(), Kind: callerr.Denied, Code: "AccessDeniedException", Status: 403, Message: "no <one>", RequestID: "id", Hint: "allow it"}
				case reconcile.FindingNotExamined: // of which no plan is saved
					f.Kind = reconcile.FindingFunctionMissing
				case reconcile.FindingUndeclared, reconcile.FindingOrphan:
					f.Origins, f.Record = nil, before
					p.Declared--
				case reconcile.FindingLatestOnly:
					p.InSync++
				}
				p.Findings = append(p.Findings, f)
			}
		}
		s.Plan.Targets = append(s.Plan.Targets, p)
	}
	return s
}

// ofPlan is the report that plan itself gives, with what no file keeps.
func ofPlan(s *planfile.Saved) *report.Run {
	run := &report.Run{ID: s.RunID, ToolVersion: s.ToolVersion, Verb: "plan", Started: s.Created, Surveyed: s.Created, Finished: s.Created.Add(time.Minute), Part: true, Plan: &s.Plan}
	run.Fleet = report.FleetInfo{Files: pathsIn(s.Files), Targets: len(s.Plan.Targets), MissingFunctions: s.MissingFunctions, MissingQualifiers: s.MissingQualifiers}
	run.Guard = reconcile.Guard{Limits: desired.Limits{MaxChanges: desired.Limit{Number: 100}, MaxDeletes: desired.Limit{Number: 100}}}.Lines(&s.Plan)
	for _, p := range s.Plan.Targets {
		run.Fleet.Configs += p.Declared
		run.API = append(run.API, report.TargetAPI{Target: p.Target, Label: p.Label, Operations: []reconcile.OperationCount{{Name: "ListFunctionEventInvokeConfigs", Calls: 7, OK: 7}}})
	}
	return run
}

var (
	ranFor  = regexp.MustCompile(` time="[0-9.]+"`)
	opening = regexp.MustCompile(`(?m)^(Saved plan of run|Read \d+ of) .*\n(  .*\n)*`)
)

// disagreement is where a document says something that another does not: null and what is left
// out say nothing.
func disagreement(at string, says, other any) string {
	switch v := says.(type) {
	case nil:
		return ""
	case map[string]any:
		o, _ := other.(map[string]any)
		for k, e := range v {
			if d := disagreement(at+"."+k, e, o[k]); d != "" {
				return d
			}
		}
		return ""
	case []any:
		o, _ := other.([]any)
		if len(o) != len(v) {
			return fmt.Sprintf("%s has %d, and the plan %d", at, len(v), len(o))
		}
		for i := range v {
			if d := disagreement(fmt.Sprintf("%s[%d]", at, i), v[i], o[i]); d != "" {
				return d
			}
		}
		return ""
	}
	if says != other {
		return fmt.Sprintf("%s is %v, and of the plan %v", at, says, other)
	}
	return ""
}

// What show says of a saved plan is what plan said when it was made: every count, every place and
// everything that was not read. What the file does not hold it does not deny either.
func TestShowOfASavedPlanAgreesWithThePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		made := drawSavable(t)
		made.ChangesOnly = rapid.Bool().Draw(t, "an older file")
		var file bytes.Buffer
		if err := planfile.Encode(&file, made); err != nil {
			t.Fatal(err)
		}
		read, err := planfile.Decode(file.Bytes())
		if err != nil {
			t.Fatalf("%v\n%s", err, file.String())
		}
		live, shown := ofPlan(&made), planReport(&read)
		in := func(format string, r *report.Run) string {
			var b bytes.Buffer
			o := outputOptions{format: format}
			render := func() error { return o.render(&b, &b, r, nil) }
			if format == "text" {
				render = func() error { return report.Text(&b, r, report.TextOptions{Width: 120, Full: true}) }
			}
			if err := render(); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}
		var says, said any
		for text, document := range map[string]*any{in("json", shown): &says, in("json", live): &said} {
			if err := json.Unmarshal([]byte(text), document); err != nil {
				t.Fatal(err)
			}
		}
		if d := disagreement("", says, said); d != "" {
			t.Fatal(d)
		}
		if read.ChangesOnly {
			if end := shown.Headline(); !strings.HasSuffix(end, ", unknown ignored, unknown unreadable.") {
				t.Fatalf("of an older file: %s", end)
			}
			return
		}
		for _, format := range []string{"github", "sarif", "junit", "markdown"} {
			want, got := ranFor.ReplaceAllString(in(format, live), ""), in(format, shown)
			if got != want {
				t.Fatalf("%s:\n%s\nand plan said\n%s", format, got, want)
			}
		}
		for _, format := range []string{"text", "html"} {
			all := strings.Split(in(format, live), "\n")
			for line := range strings.SplitSeq(opening.ReplaceAllString(in(format, shown), ""), "\n") {
				if !slices.Contains(all, line) {
					t.Fatalf("%s: %q is nothing that plan said:\n%s", format, line, strings.Join(all, "\n"))
				}
			}
		}
	})
}
