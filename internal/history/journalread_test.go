package history

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// writeJournal is a journal as a run would leave it: results come some time
// after their intents, or never.
func writeJournal(t *rapid.T) []byte {
	var file []byte
	var seq int64
	var last string
	line := func(l lineJSON) {
		seq++
		l.Seq = seq
		text, sum, err := l.encode(last)
		if err != nil {
			t.Fatal(err)
		}
		last = sum
		file = append(file, text...)
	}
	line(lineJSON{Begin: &beginJSON{Version: JournalVersion, Run: "r", ToolVersion: "1.2.3"}})
	open := map[int]int64{}
	for i := range rapid.IntRange(0, 12).Draw(t, "intents") {
		change := genChange(testKey(i)).Draw(t, "change")
		line(lineJSON{Intent: newIntent(testKey(i), change)})
		open[i] = seq
		for j := range i + 1 {
			if open[j] == 0 || !rapid.Bool().Draw(t, "settle") {
				continue
			}
			after := genSettings().Draw(t, "after")
			line(lineJSON{Result: newSettlement(open[j], applied(change, &after))})
			open[j] = 0
		}
	}
	return file
}

// TestTornJournalKeepsItsBeginning holds that a crash costs the last line at
// most: what is read of any part of a journal is what is read of all of it, up
// to some point.
func TestTornJournalKeepsItsBeginning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := writeJournal(t)
		cut := rapid.IntRange(0, len(data)).Draw(t, "cut")
		torn, err := ParseJournal(data[:cut])
		if err != nil {
			t.Fatalf("cut at byte %d of %d: %v", cut, len(data), err)
		}
		whole, err := ParseJournal(data[:bytes.LastIndexByte(data[:cut], '\n')+1])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole.Entries, torn.Entries, compareOpts); diff != "" {
			t.Fatalf("the torn line counts (-without +with)\n%s", diff)
		}
		full, err := ParseJournal(data)
		if err != nil {
			t.Fatal(err)
		}
		for i := range torn.Entries {
			got := torn.Entries[i]
			if got.Result == nil {
				full.Entries[i].Result = nil // it came after the cut
			}
			if diff := cmp.Diff(full.Entries[i], got, compareOpts); diff != "" {
				t.Fatalf("entry %d (-full +torn)\n%s", i, diff)
			}
		}
		intents := bytes.Count(data[:bytes.LastIndexByte(data[:cut], '\n')+1], []byte(`"intent":`))
		if len(torn.Entries) != intents {
			t.Fatalf("%d entries of %d whole lines with an intent", len(torn.Entries), intents)
		}
	})
}

// TestIntentsComeBackAsTheyWere holds it for every kind of change.
func TestIntentsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		change := genChange(testKey(1)).Draw(t, "change")
		text, err := json.Marshal(newIntent(testKey(1), change))
		if err != nil {
			t.Fatal(err)
		}
		var got Intent
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if err := got.check(); err != nil {
			t.Fatal(err)
		}
		want := Intent{Key: testKey(1), Action: change.Action, Before: change.Before, Modified: change.Modified, Request: change.Request()}
		if diff := cmp.Diff(want, got, compareOpts); diff != "" {
			t.Fatalf("-want +got\n%s", diff)
		}
	})
}

const (
	beginLine  = `{"seq":1,"begin":{"format_version":1,"run_id":"r","tool_version":"1"}}`
	intentLine = `{"seq":2,"intent":{"account":"1","region":"r","function":"f","qualifier":"q","action":"create","before":null,"request":{}}}`
	resultLine = `{"seq":3,"result":{"of":2,"status":"applied","after":{},"attempts":1}}`
	endLine    = `{"seq":4,"end":{"intents":1}}`
)

func TestDamagedJournalNamesTheLine(t *testing.T) {
	rows := []struct {
		why   string
		lines []string
		want  string
	}{
		{"a line of zeros, as a disk that lost power may leave it", []string{beginLine, "\x00\x00\x00", resultLine}, "line 2: it is not a line of a journal"},
		{"a line that is gone", []string{beginLine, resultLine}, "line 2: it says that it is line 3"},
		{"a line that is there twice", []string{beginLine, intentLine, intentLine}, "line 3: it says that it is line 2"},
		{"no first line", []string{strings.Replace(intentLine, "2", "1", 1)}, "line 1: a journal has one begin, as its first line"},
		{"two first lines", []string{beginLine, strings.Replace(beginLine, "1", "2", 1)}, "line 2: a journal has one begin, as its first line"},
		{"a newer format", []string{strings.Replace(beginLine, `n":1`, `n":9`, 1)}, "line 1: it has format version 9 and this program reads up to 2: use the version"},
		{"the result of nothing", []string{beginLine, strings.Replace(resultLine, "3", "2", 1)}, "line 2: it is the result of line 2, which is no open intent"},
		{"two results", []string{beginLine, intentLine, resultLine, strings.Replace(resultLine, "3", "4", 1)}, "line 4: it is the result of line 2, which is no open intent"},
		{"an action nobody knows", []string{beginLine, strings.Replace(intentLine, "create", "burn", 1)}, `line 2: it is not a line of a journal: action "burn" is not known`},
		{"a change without a before-image", []string{beginLine, strings.Replace(intentLine, "create", "change", 1)}, "line 2: a change does not go with its before-image"},
		{"half a key", []string{beginLine, strings.Replace(intentLine, `"q"`, `""`, 1)}, "line 2: its config is incomplete"},
		{"a status nobody knows", []string{beginLine, intentLine, strings.Replace(resultLine, "applied", "done", 1)}, `line 3: it is not a line of a journal: status "done" is not known`},
		{"nothing in it", []string{beginLine, `{"seq":2}`}, "line 2: it is neither an intent nor a result"},
		{"a closing line that counts more", []string{beginLine, intentLine, resultLine, strings.Replace(endLine, `:1}`, `:2}`, 1)}, "line 4: it counts 2 intents and 1 are there"},
		{"more after the end", []string{beginLine, intentLine, resultLine, endLine, `{"seq":5,"end":{"intents":1}}`}, "line 5: it comes after the closing line"},
	}
	for _, row := range rows {
		file, err := ParseJournal([]byte(strings.Join(row.lines, "\n") + "\n"))
		if err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", row.why, err, row.want)
		}
		if before := len(row.lines) - 1; len(file.Entries) != min(before, strings.Count(strings.Join(row.lines[:before], ""), `"intent"`)) {
			t.Errorf("%s: %d entries came with the error, want those of the lines before it", row.why, len(file.Entries))
		}
	}
	if file, err := ParseJournal([]byte(strings.Join([]string{beginLine, intentLine, resultLine, endLine}, "\n") + "\n")); err != nil || !file.Closed || len(file.Entries) != 1 {
		t.Errorf("the lines themselves: %+v, %v, want one entry", file, err)
	}
}

func FuzzParseJournal(f *testing.F) {
	f.Add([]byte(strings.Join([]string{beginLine, intentLine, resultLine, endLine, ""}, "\n")))
	f.Add([]byte(beginLine + "\n" + intentLine[:30]))
	f.Add([]byte("\n"))
	f.Add([]byte(beginLine + "\n{\"seq\":2,\"intent\":{}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := ParseJournal(data)
		if err != nil {
			return
		}
		for _, e := range file.Entries {
			if e.Key == (desired.Key{}) || e.Action == reconcile.NoChange {
				t.Errorf("accepted an entry without a key or an action: %+v", e)
			}
			if (e.Action == reconcile.Create) != (e.Before == nil) {
				t.Errorf("accepted a %s with before-image %v", e.Action, e.Before)
			}
		}
		tracesOf(file.Entries)
		for cut := range data {
			if part, err := ParseJournal(data[:cut]); err != nil || len(part.Entries) > len(file.Entries) {
				t.Fatalf("cut at byte %d: %d entries, %v", cut, len(part.Entries), err)
			}
		}
	})
}
