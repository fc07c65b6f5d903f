package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

func TestProgressNamesWhatItWaitsFor(t *testing.T) {
	waiting := func(w ratelimit.Wait, calls int, next time.Duration) ratelimit.Snapshot {
		s := ratelimit.Snapshot{Rate: 5}
		s.Backlog[w] = ratelimit.Waiting{Calls: calls, Next: time.Now().Add(next)}
		return s
	}
	synctest.Test(t, func(t *testing.T) {
		rows := []struct {
			why      string
			done     int
			limiters []ratelimit.Snapshot
			want     string
		}{
			{"nothing is held back", 40, []ratelimit.Snapshot{{Rate: 6}},
				"msg=apply done=40 of=100 rate=6 eta=10s"},
			{"a high quota", 40, []ratelimit.Snapshot{{Rate: 1350000}},
				"msg=apply done=40 of=100 rate=1350000"},
			{"the rest is busy: the rate says nothing about its end", 98, []ratelimit.Snapshot{waiting(ratelimit.WaitBusy, 2, 8*time.Second)},
				`msg=apply done=98 of=100 rate=5 waiting="2 busy functions, next try in 8s"`},
			{"over all targets: the next try is the soonest", 77, []ratelimit.Snapshot{waiting(ratelimit.WaitFailed, 1, 20*time.Second), {Rate: 10}, waiting(ratelimit.WaitFailed, 1, 3*time.Second), waiting(ratelimit.WaitBusy, 1, 5*time.Second)},
				`msg=apply done=77 of=100 rate=25 waiting="1 busy function, next try in 5s; 2 calls that AWS failed, next try in 3s"`},
			{"throttled", 99, []ratelimit.Snapshot{waiting(ratelimit.WaitThrottled, 1, 60*time.Second)},
				`msg=apply done=99 of=100 rate=5 waiting="1 call that AWS throttled, next try in 1m0s"`},
			{"the budget for repeats", 97, []ratelimit.Snapshot{waiting(ratelimit.WaitBudget, 3, 400*time.Millisecond)},
				`msg=apply done=97 of=100 rate=5 waiting="3 repeats of failed calls, one a second, next try in 400ms"`},
			{"a pause", 99, []ratelimit.Snapshot{waiting(ratelimit.WaitPaused, 8, 30*time.Second)},
				`msg=apply done=99 of=100 rate=5 waiting="8 calls behind a throttled one, next try in 30s"`},
			{"the breaker is open", 99, []ratelimit.Snapshot{waiting(ratelimit.WaitBreaker, 8, 4*time.Second)},
				`msg=apply done=99 of=100 rate=5 waiting="8 calls behind five failed in a row, next try in 4s"`},
			{"its turn has come", 99, []ratelimit.Snapshot{waiting(ratelimit.WaitFailed, 1, 20*time.Millisecond)},
				`msg=apply done=99 of=100 rate=5 waiting="1 call that AWS failed, one is tried now"`},
			{"its probe is out", 99, []ratelimit.Snapshot{{Rate: 5, Backlog: ratelimit.Backlog{ratelimit.WaitBreaker: {Calls: 8}}}},
				`msg=apply done=99 of=100 rate=5 waiting="8 calls behind five failed in a row, one is tried now"`},
		}
		targets := func(all []ratelimit.Snapshot) map[desired.Target]ratelimit.Snapshot {
			by := map[desired.Target]ratelimit.Snapshot{}
			for i, s := range all {
				by[desired.Target{Account: fmt.Sprint(i)}] = s
			}
			return by
		}
		for _, row := range rows {
			var out bytes.Buffer
			logProgress(slog.New(slog.NewTextHandler(&out, nil)), reconcile.Step{Phase: reconcile.PhaseApply, Done: row.done, Total: 100}, nil, targets(row.limiters))
			if _, got, _ := strings.Cut(out.String(), "level=INFO "); strings.TrimSpace(got) != row.want {
				t.Errorf("%s:\n got %s\nwant %s", row.why, strings.TrimSpace(got), row.want)
			}
		}
	})
}

func TestProgressDrawn(t *testing.T) {
	target := func(n int) desired.Target {
		return desired.Target{Account: fmt.Sprintf("%012d", n), Region: "eu-west-1"}
	}
	step := func(phase reconcile.Phase, n, done, total int) reconcile.Step {
		return reconcile.Step{Phase: phase, Target: target(n), Done: done, Total: total, TargetDone: done, TargetTotal: total}
	}
	failed := step(reconcile.PhaseApply, 1, 2, 9)
	failed.Result = &reconcile.ChangeResult{Err: fmt.Errorf("no")}
	many := []reconcile.Step{}
	for n := range 10 {
		many = append(many, reconcile.Step{Target: target(n), Done: n + 1, Total: 1000, TargetDone: 1, TargetTotal: 100 + n})
	}
	synctest.Test(t, func(t *testing.T) {
		throttled := ratelimit.Snapshot{Rate: 6.8, Ceiling: 13.5, Throttled: 2}
		throttled.Backlog[ratelimit.WaitBusy] = ratelimit.Waiting{Calls: 3, Next: time.Now().Add(8 * time.Second)}
		rows := []struct {
			why    string
			events []reconcile.Step
			width  int
			want   []string
		}{
			{"nothing is known yet", nil, 80, []string{"Checking the credentials"}},
			{"nor is anything counted while targets are held", []reconcile.Step{{Phase: reconcile.PhaseHold, Run: &reconcile.RunResult{}}}, 80, []string{"Taking the leases"}},
			{"what has been counted is over", []reconcile.Step{step(reconcile.PhaseApply, 1, 100, 100), {Phase: reconcile.PhaseRecord, Run: &reconcile.RunResult{}}}, 80, []string{"Storing the record"}},
			{"one target: rate against the ceiling, and what is waited for", []reconcile.Step{step(reconcile.PhaseSurvey, 1, 20, 100)}, 120, []string{
				"Read 20 of 100 (20%), about 11s left",
				"  shop 000000000001/eu-west-1: 20 of 100, 6.8 of 13.5 requests/s, throttled 2 times; 3 busy functions, next try in 8s"}},
			{"a terminal that is narrow has a second line, and no half a phrase", []reconcile.Step{step(reconcile.PhaseSurvey, 1, 20, 100)}, 80, []string{
				"Read 20 of 100 (20%), about 11s left",
				"  shop 000000000001/eu-west-1: 20 of 100, 6.8 of 13.5 requests/s",
				"    throttled 2 times; 3 busy functions, next try in 8s"}},
			{"and a third, and not a fourth", []reconcile.Step{step(reconcile.PhaseSurvey, 1, 20, 100)}, 40, []string{
				"Read 20 of 100 (20%), about 11s left",
				"  000000000001/eu-west-1: 20 of 100",
				"    6.8 of 13.5 requests/s",
				"    throttled 2 times"}},
			{"failures so far", []reconcile.Step{failed}, 120, []string{
				"Settled 2 of 9 (22%), 1 failed",
				"  shop 000000000001/eu-west-1: 2 of 9, 6.8 of 13.5 requests/s, throttled 2 times; 3 busy functions, next try in 8s"}},
			{"a phase begins anew, and failures are its own", []reconcile.Step{failed, step(reconcile.PhaseSurvey, 1, 1, 100)}, 36, []string{
				"Read 1 of 100 (1%), about 14s left",
				"  000000000001/eu-west-1: 1 of 100",
				"    6.8 of 13.5 requests/s",
				"    throttled 2 times"}},
			{"all is read, and the plan is being made", []reconcile.Step{step(reconcile.PhaseSurvey, 1, 100, 100)}, 80, []string{"All is read"}},
			{"of many targets, those with most to do", many, 60, []string{
				"Read 10 of 1000 (1%), about 2m25s left",
				"  000000000009/eu-west-1: 1 of 109, 0 of 0 requests/s",
				"  000000000008/eu-west-1: 1 of 108, 0 of 0 requests/s",
				"  000000000007/eu-west-1: 1 of 107, 0 of 0 requests/s",
				"  000000000006/eu-west-1: 1 of 106, 0 of 0 requests/s",
				"  000000000005/eu-west-1: 1 of 105, 0 of 0 requests/s",
				"  000000000004/eu-west-1: 1 of 104, 0 of 0 requests/s",
				"  ... and 4 more targets"}},
		}
		for _, row := range rows {
			p := &progress{snapshots: func() map[desired.Target]ratelimit.Snapshot {
				return map[desired.Target]ratelimit.Snapshot{target(1): throttled}
			}}
			fleet := desired.Fleet{Targets: []desired.TargetSpec{{Target: target(1), Label: "shop"}}}
			p.observe(reconcile.Step{Run: &reconcile.RunResult{Fleet: fleet}})
			for _, e := range row.events {
				p.observe(e)
			}
			if got := p.lines(row.width); !slices.Equal(got, row.want) {
				t.Errorf("%s:\n got %q\nwant %q", row.why, got, row.want)
			}
		}
	})
}

// namedAnnotator waits for the end of its context.
type namedAnnotator string

func (a namedAnnotator) Name() string { return string(a) }

func (a namedAnnotator) Annotate(ctx context.Context, _ *reconcile.RunResult) (none insight.Set) {
	<-ctx.Done()
	return none
}

// TestProgressNamesWhoIsAsked: those that have not answered yet, and nobody once all have.
func TestProgressNamesWhoIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := &progress{log: slog.New(slog.NewTextHandler(&out, nil)), snapshots: func() map[desired.Target]ratelimit.Snapshot { return nil }}
		p.observe(reconcile.Step{Done: 3, Total: 3, TargetDone: 3, TargetTotal: 3})
		ends := map[string]func(){}
		for _, a := range p.asking([]reconcile.Annotator{namedAnnotator("who changed what differs"), namedAnnotator("whether destinations exist")}) {
			ctx, end := context.WithCancel(t.Context())
			ends[a.Name()] = end
			go a.Annotate(ctx, nil)
		}
		for _, row := range []struct {
			answers, logged string
			drawn           []string
		}{
			{"", `msg="all is read; asking whether destinations exist, who changed what differs"`, []string{"All is read; asking whether destinations exist", "    who changed what differs"}},
			{"whether destinations exist", `msg="all is read; asking who changed what differs"`, []string{"All is read; asking who changed what differs"}},
			{"who changed what differs", "", []string{"All is read"}},
		} {
			if end := ends[row.answers]; end != nil {
				end()
			}
			synctest.Wait()
			out.Reset()
			p.tell()
			if got := p.lines(60); !slices.Equal(got, row.drawn) || !strings.Contains(out.String(), row.logged) || (row.logged == "") != (out.Len() == 0) {
				t.Errorf("after the answer %q: drawn %q, logged %q", row.answers, got, out.String())
			}
		}
	})
}

// TestProgressNamesTheRunThatIsWaitedFor, and AWS only once that is over.
func TestProgressNamesTheRunThatIsWaitedFor(t *testing.T) {
	var out bytes.Buffer
	p := &progress{log: slog.New(slog.NewTextHandler(&out, nil)), snapshots: func() map[desired.Target]ratelimit.Snapshot { return nil }}
	p.waitFor(&history.HeldError{Subject: "111111111111/eu-west-1", Owner: history.Owner{RunID: "20261126T212000Z-0a1b2c3d", Host: "build-7", PID: 812}})
	p.tell()
	want := []string{"Waiting for run 20261126T212000Z-0a1b2c3d", "    which holds 111111111111/eu-west-1; pid 812 on build-7"}
	if got := p.lines(60); !slices.Equal(got, want) || !strings.Contains(out.String(), `msg="waiting for another run" run=20261126T212000Z-0a1b2c3d target=111111111111/eu-west-1`) {
		t.Errorf("drawn %q, logged %q", got, out.String())
	}
	p.waitFor(nil)
	if got := p.lines(60); !slices.Equal(got, []string{"Checking the credentials"}) {
		t.Errorf("drawn %q after it", got)
	}
}

// TestProgressTellsTargetsApart: a label is that of all accounts and regions of its target, and of
// all accounts of an organization.
func TestProgressTellsTargetsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		label := rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9_.-]{0,63}|`).Draw(t, "label")
		accounts := rapid.SampledFrom([]int{1, progressTargets}).Draw(t, "accounts") // one: its regions differ
		p := &progress{snapshots: func() map[desired.Target]ratelimit.Snapshot { return nil }}
		var fleet desired.Fleet
		for i, region := range []string{"ap-southeast-2", "eu-west-1", "eu-west-2", "eu-west-3", "us-east-1", "us-gov-west-1"} {
			target := desired.Target{Account: fmt.Sprintf("%012d", i%accounts), Region: region}
			fleet.Targets = append(fleet.Targets, desired.TargetSpec{Target: target, Label: label})
		}
		p.observe(reconcile.Step{Run: &reconcile.RunResult{Fleet: fleet}})
		n := rapid.IntRange(2, 200_000).Draw(t, "functions")
		for _, spec := range fleet.Targets {
			p.observe(reconcile.Step{Target: spec.Target, Done: 6, Total: 6 * n, TargetDone: 1, TargetTotal: n})
		}
		drawn := p.lines(rapid.IntRange(60, 200).Draw(t, "width"))
		for _, spec := range fleet.Targets {
			if !slices.ContainsFunc(drawn, func(line string) bool {
				return strings.Contains(line, fmt.Sprintf(" %s: 1 of %d", spec.Target, n)) && strings.HasPrefix(line, "  "+label[:min(len(label), 1)])
			}) {
				t.Fatalf("%s, called %q, is not in %q", spec.Target, label, drawn)
			}
		}
	})
}

// TestProgressEndsWithTheLastTarget: what is done leaves its rate to nobody.
func TestProgressEndsWithTheLastTarget(t *testing.T) {
	target := func(n int) desired.Target {
		return desired.Target{Account: fmt.Sprintf("%012d", n), Region: "eu-west-1"}
	}
	limiters := map[desired.Target]ratelimit.Snapshot{target(1): {Rate: 30}, target(2): {Rate: 12}, target(3): {Rate: 2.65}}
	busy := limiters[target(3)]
	busy.Backlog[ratelimit.WaitBusy] = ratelimit.Waiting{Calls: 29}
	for _, row := range []struct {
		why    string
		done   int // of 480
		slow   int // of the 100 of target 3
		busy   bool
		eta    string // "" is none
		absent bool   // target 3 has told nothing yet
	}{
		{why: "the slowest of the open targets", done: 395, slow: 71, eta: "10s"},
		{why: "the next one, where the rest of the slowest is busy", done: 395, slow: 71, busy: true, eta: "4s"},
		{why: "the last few", done: 478, slow: 98, eta: ""},
		{why: "a target that has told nothing counts among all calls", done: 80, absent: true, eta: "8s"},
	} {
		events := []reconcile.Step{
			{Target: target(1), TargetDone: 300, TargetTotal: 300},
			{Target: target(2), TargetDone: 24, TargetTotal: 80},
			{Target: target(3), TargetDone: row.slow, TargetTotal: 100},
		}
		if row.eta == "" {
			events[1].TargetDone = 80
		}
		if row.absent {
			events = events[:2]
		}
		now := maps.Clone(limiters)
		if row.busy {
			now[target(3)] = busy
		}
		p := &progress{snapshots: func() map[desired.Target]ratelimit.Snapshot { return now }}
		for _, e := range events {
			e.Done, e.Total = row.done, 480
			p.observe(e)
		}
		var out bytes.Buffer
		p.log = slog.New(slog.NewTextHandler(&out, nil))
		p.tell()
		drawn, told := p.lines(80)[0], " eta="+row.eta+" "
		if logged := out.String() + " "; strings.Contains(logged, " eta=") != (row.eta != "") || row.eta != "" && !strings.Contains(strings.ReplaceAll(logged, "\n", " "), told) {
			t.Errorf("%s: logged %q, want an eta of %q", row.why, logged, row.eta)
		}
		if strings.Contains(drawn, "left") != (row.eta != "") || row.eta != "" && !strings.HasSuffix(drawn, ", about "+row.eta+" left") {
			t.Errorf("%s: drawn %q, want an end in %q", row.why, drawn, row.eta)
		}
	}
}

var escape = regexp.MustCompile(`^\x1b(\[(\d+)A|\[[CJK]|7|8)`)

// screen is a terminal with as much as is printed here: it goes up, clears what is behind the
// cursor, keeps a place of the screen and goes back there, breaks what is wide, and scrolls. Whoever
// clears it from its first place on leaves what was there in the scrollback, as in tmux. As it
// gets narrower it breaks rows again if it reflows, and cuts them off if not; the cursor stays in its
// text, and the place that is kept is the same of the screen.
type screen struct {
	reflows       bool
	width, height int
	rows          []string // with those that have left the screen, and the one that the cursor is in
	row, column   int      // of the cursor
	top           int      // the first row that is on the screen
	kept          [2]int   // from the top
}

func (s *screen) print(text string) {
	for ; text != ""; text = text[1:] {
		for s.row >= len(s.rows) {
			s.rows = append(s.rows, "")
		}
		s.top = max(s.top, s.row-s.height+1)
		line := s.rows[s.row]
		switch sequence := escape.FindStringSubmatch(text); {
		case sequence != nil:
			switch sequence[1] {
			case "7":
				s.kept = [2]int{s.row - s.top, s.column}
			case "8":
				s.row, s.column = s.top+s.kept[0], s.kept[1]
			case "[C":
				s.column = min(s.column+1, s.width-1)
			case "[K":
				s.rows[s.row] = line[:min(s.column, len(line))]
			case "[J":
				if s.row == s.top && s.column == 0 {
					s.row, s.top = len(s.rows), len(s.rows)
					s.rows = append(s.rows, "")
					break
				}
				s.rows = append(s.rows[:s.row], line[:min(s.column, len(line))])
			default:
				n, _ := strconv.Atoi(sequence[2])
				s.row = max(s.row-n, s.top)
			}
			text = text[len(sequence[0])-1:]
		case text[0] == '\r':
			s.column = 0
		case text[0] == '\n': // as a terminal echoes Enter, and prints the end of a line
			s.row, s.column = s.row+1, 0
		case s.column == s.width:
			s.row, s.column = s.row+1, 0
			text = " " + text
		default:
			line = fmt.Sprintf("%-*s", s.column, line)
			s.rows[s.row] = line[:s.column] + text[:1] + line[min(s.column+1, len(line)):]
			s.column++
		}
	}
	for s.row >= len(s.rows) {
		s.rows = append(s.rows, "")
	}
	s.top = max(s.top, s.row-s.height+1)
}

func (s *screen) resize(width, height int) {
	if width == s.width && height == s.height {
		return
	}
	s.width, s.height = width, height
	var rows []string
	at := s.row
	for i, row := range s.rows {
		if i == s.row {
			at = len(rows)
		}
		for ; len(row) > s.width && s.reflows; row = row[s.width:] {
			rows = append(rows, row[:s.width])
		}
		rows = append(rows, row[:min(len(row), s.width)])
	}
	s.rows, s.row, s.column = rows, at, min(s.column, s.width)
	s.top = max(0, min(s.row, len(s.rows)-s.height))
}

// left is what is on it, without the row of the cursor.
func (s *screen) left() []string { return s.rows[:len(s.rows)-1] }

// TestDrawing: what is drawn is replaced in place, what is logged stays above it, and
// nothing of that is ever erased. Nothing drawn is left at the end, not what is broken as the
// terminal gets narrower, nor what is typed.
func TestDrawing(t *testing.T) {
	wide := strings.Repeat("wide", 50)
	for i := range 4 {
		reflows, first := i%2 == 0, i/2 == 0 // it begins in the first row of the screen
		var out bytes.Buffer
		s := &screen{reflows: reflows, width: 200, height: 10}
		log := &divertedWriter{to: &out}
		want := []string{"before", "logged", "after"}
		if first {
			want = want[1:]
		} else {
			fmt.Fprintln(log, "before")
		}
		d := newDrawing(log)
		d.size = func() (int, int) { return s.width, s.height }
		d.draw([]string{"one", "two"})
		s.print(out.String())
		s.print("\n\n")
		out.Reset()
		fmt.Fprintln(log, "logged")
		d.draw([]string{wide, "two"})
		s.print(out.String())
		out.Reset()
		s.resize(80, 10)
		d.draw([]string{"three"})
		d.close()
		fmt.Fprintln(log, "after")
		s.print(out.String())
		if !slices.Equal(s.left(), want) {
			t.Errorf("reflows %v, in the first row %v: left on the screen: %q, want %q", reflows, first, s.left(), want)
		}
	}
}

// What is drawn of a run leaves nothing behind and erases nothing, to whatever size its terminal is
// dragged, whether that breaks lines or not, wherever on it that is, and whatever is typed.
func TestProgressSurvivesDragging(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limiters := map[desired.Target]ratelimit.Snapshot{}
		p := &progress{snapshots: func() map[desired.Target]ratelimit.Snapshot { return limiters }, labels: map[desired.Target]string{}}
		step := func() {
			target := desired.Target{Account: fmt.Sprintf("%012d", rapid.IntRange(0, 9).Draw(t, "target")), Region: "ap-southeast-2"}
			p.labels[target] = rapid.SampledFrom([]string{"", "shop", strings.Repeat("long", 16)}).Draw(t, "label")
			n := rapid.IntRange(2, 200_000).Draw(t, "of")
			s := ratelimit.Snapshot{Rate: rapid.Float64Range(0, 20_000).Draw(t, "rate"), Ceiling: 20_000, Throttled: rapid.Int64Range(0, 1000).Draw(t, "throttled")}
			for w := range s.Backlog {
				if rapid.Bool().Draw(t, "waits") {
					s.Backlog[w] = ratelimit.Waiting{Calls: rapid.IntRange(1, 20_000).Draw(t, "calls"), Next: time.Now().Add(time.Minute)}
				}
			}
			limiters[target] = s
			e := reconcile.Step{Phase: reconcile.Phase(rapid.IntRange(0, 2).Draw(t, "phase")), Target: target, Done: 1, Total: n, TargetDone: 1, TargetTotal: n}
			if rapid.Bool().Draw(t, "fails") {
				e.Result = &reconcile.ChangeResult{Err: errors.New("no")}
			}
			p.observe(e)
		}
		width, height := rapid.IntRange(60, 200), rapid.IntRange(3, 60)
		var out bytes.Buffer
		s := &screen{reflows: rapid.Bool().Draw(t, "reflows"), width: width.Draw(t, "width"), height: height.Draw(t, "height")}
		log := &divertedWriter{to: &out}
		var want []string
		for range rapid.IntRange(0, 80).Draw(t, "rows before") {
			want = append(want, fmt.Sprintf("before %d", len(want)))
			fmt.Fprintln(log, want[len(want)-1])
		}
		p.drawing = newDrawing(log)
		p.drawing.size = func() (int, int) { return s.width, s.height }
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			step()
			p.tell()
			if rapid.Bool().Draw(t, "logs") {
				want = append(want, fmt.Sprintf("logged %d", len(want)))
				fmt.Fprintln(log, want[len(want)-1])
			}
			if strings.Contains(out.String(), "e+") || strings.Contains(out.String(), "e-") {
				t.Fatalf("a number with an exponent: %q", out.String())
			}
			s.print(out.String())
			out.Reset()
			if s.print(rapid.SampledFrom([]string{"", "a", "^C", "ab"}).Draw(t, "types")); rapid.Bool().Draw(t, "is dragged") {
				s.resize(width.Draw(t, "width"), height.Draw(t, "height"))
			} else { // as many as there are rows drawn
				s.print(strings.Repeat("\n", rapid.IntRange(0, min(len(p.drawing.lines), s.height-1)).Draw(t, "enters")))
			}
		}
		p.drawing.close()
		fmt.Fprintln(log, "after")
		s.print(out.String())
		if want = append(want, "after"); !slices.Equal(s.left(), want) {
			t.Fatalf("left on the screen: %q, want %q", s.left(), want)
		}
	})
}
