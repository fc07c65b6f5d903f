package report

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

// maxResults is what code scanning on GitHub shows of a file; it refuses one of more
// than 25,000.
const maxResults = 5000

// SARIF writes a run as SARIF 2.1.0: a result for everything that is not as it
// should be, at the line that declares it. Its level is its risk: error where events may be
// lost, or where it is not known; warning where they may run twice; else note. Past
// 5,000 results the most severe ones are written, and the others counted.
//
// A result is the same in every run, and after an edit elsewhere in the file, by
// its fingerprint.
func SARIF(w io.Writer, r *Run) error {
	var counts, room [numRisks]int
	rules := map[string]bool{}
	r.complaints(func(m remark) {
		counts[m.risk]++
		rules[m.rule] = true
	})
	left := maxResults
	for i, n := range counts {
		room[i] = min(n, left)
		left -= room[i]
	}
	invocation := sarifInvocation{OK: r.Err == nil && r.Stopped == "", Notifications: []sarifNotification{}}
	if more := counts[losesEvents] + counts[mayRunTwice] + counts[noRisk] - (maxResults - left); more > 0 {
		text := sarifText{fmt.Sprintf("There is no room here for %s, none of them more severe.", count(more, "more result"))}
		invocation.Notifications = append(invocation.Notifications, sarifNotification{Level: "note", Message: text})
	}
	d := &document{w: bufio.NewWriter(w)}
	d.put(`{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[{`)
	d.field("tool", map[string]sarifDriver{"driver": newDriver(r, rules)})
	d.field("invocations", []sarifInvocation{invocation})
	d.list("results", sarifResults(r, room))
	return d.end("\n}]}\n", "SARIF")
}

// complaints says the remarks about what is not as it should be.
func (r *Run) complaints(say func(remark)) {
	r.remarks(func(m remark) {
		if m.verdict != passed {
			say(m)
		}
	})
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version"`
	URI     string      `json:"informationUri"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID    string    `json:"id"`
	Short sarifText `json:"shortDescription"`
	Full  sarifText `json:"fullDescription"`
	Help  sarifText `json:"help"`
}

type sarifInvocation struct {
	OK            bool                `json:"executionSuccessful"`
	Notifications []sarifNotification `json:"toolExecutionNotifications"`
}

type sarifNotification struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

type sarifResult struct {
	Rule         string            `json:"ruleId"`
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints"`
}

type sarifLocation struct {
	Physical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   struct {
			Line int `json:"startLine"`
		} `json:"region"`
	} `json:"physicalLocation"`
	Logical []sarifLogical `json:"logicalLocations,omitempty"`
}

type sarifArtifact struct {
	URI  string `json:"uri"`
	Base string `json:"uriBaseId,omitempty"`
}

type sarifLogical struct {
	Name string `json:"fullyQualifiedName"`
}

// ruleTexts say what a rule is about; problem codes have their own texts.
var ruleTexts = map[string]string{
	"create":                 "A config is declared, and AWS holds no record for it.",
	"change":                 "AWS holds other settings than the fleet file declares.",
	"delete":                 "AWS holds a record that is to be deleted.",
	"restore":                "AWS holds other settings than before the run that is undone.",
	"failed":                 "A change was refused, or was given up.",
	"mismatch":               "AWS accepted a change and stored something else.",
	"stale":                  "A record is no longer what the plan saw, so it was left alone.",
	"not_attempted":          "The run ended before a change was made.",
	"no_plan":                "The run ended before there was a plan.",
	"refused":                "The plan may not be applied.",
	"stopped":                "Reading ended early.",
	"ended_early":            "Writing ended early.",
	"requirement":            "A function breaks what the fleet file requires.",
	"unjudged":               "A function could not be held against what the fleet file requires.",
	"destination_missing":    "Configs send events to a destination that does not exist.",
	"destination_wrong_kind": "Configs send events to a FIFO queue or topic, which takes nothing from Lambda.",
	"unavailable":            "Something about the plan could not be learnt; the plan stands without it.",
}

func newDriver(r *Run, used map[string]bool) sarifDriver {
	d := sarifDriver{Name: "eventinvoke", Version: Clean(r.ToolVersion), URI: "https://github.com/eventinvoke/eventinvoke", Rules: []sarifRule{}}
	for id := range used {
		short := ruleTexts[id]
		for kind, t := range findingTopics {
			if kind.String() == id {
				short = "A config is to be looked at: " + topics[t].finding + "."
			}
		}
		full := short
		if e, ok := desired.Explain(id); ok {
			short, full = e.Title, e.Text
		}
		short, full = cmp.Or(short, id, "unknown"), cmp.Or(full, id, "unknown")
		d.Rules = append(d.Rules, sarifRule{ID: id, Short: sarifText{short}, Full: sarifText{full}, Help: sarifText{full}})
	}
	slices.SortFunc(d.Rules, func(a, b sarifRule) int { return cmp.Compare(a.ID, b.ID) })
	return d
}

// sarifResults are the results that there is room for, by risk.
func sarifResults(r *Run, room [numRisks]int) elements {
	return func(put func(any)) {
		seen := map[string]int{}
		r.complaints(func(m remark) {
			if room[m.risk]--; room[m.risk] < 0 {
				return
			}
			mark := m.fingerprint()
			seen[mark]++
			result := sarifResult{
				Rule: m.rule, Level: [numRisks]string{"error", "warning", "note"}[m.risk], Message: sarifText{m.sentence()}, Locations: []sarifLocation{},
				// GitHub looks at no other name, and would else tell results by the
				// text of their line, which many configs share.
				Fingerprints: map[string]string{"primaryLocationLineHash": fmt.Sprintf("%s:%d", mark, seen[mark])},
			}
			if m.file == "" && len(r.Fleet.Files) > 0 {
				m.file = r.Fleet.Files[0] // code scanning refuses a file with a result that is nowhere
			}
			if m.file != "" {
				var at sarifLocation
				at.Physical.Artifact, at.Physical.Region.Line = artifact(m.file), max(1, m.line)
				if m.config != (desired.Name{}) {
					at.Logical = []sarifLogical{{Clean(m.target.String()) + "/" + m.name}}
				}
				result.Locations = append(result.Locations, at)
			}
			put(result)
		})
	}
}

// fingerprint is the same for what is said about the same thing.
func (m *remark) fingerprint() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{m.target.String(), m.rule, cmp.Or(m.identity, m.name)}, "\n")))
	return fmt.Sprintf("%x", sum[:8])
}

// sentence says what is the matter with what, and what to do about it.
func (m *remark) sentence() string {
	text := m.message
	if (m.target != desired.Target{}) {
		text = fmt.Sprintf("%s in %s: %s", m.name, Clean(m.target.String()), text)
	}
	if m.hint != "" {
		text += "; next: " + m.hint
	}
	return text
}

// artifact is a file as SARIF names it: relative to the top of the repository, with
// forward slashes, unless it was given as an absolute path.
func artifact(file string) sarifArtifact {
	slashed := path.Clean(filepath.ToSlash(file))
	if filepath.IsAbs(file) {
		return sarifArtifact{URI: (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(slashed, "/")}).String()}
	}
	return sarifArtifact{URI: (&url.URL{Path: slashed}).String(), Base: "%SRCROOT%"}
}
