package worker

import (
	"cmp"
	"log/slog"
	"time"
)

// Options are what a worker is made of.
type Options struct {
	Timetable Timetable
	Pass      Pass
	Log       *slog.Logger // nil logs nothing
	Recorder  Recorder     // nil records nothing

	Settle  time.Duration // DefaultSettle when 0
	Gap     time.Duration // DefaultGap when 0
	Contest ContestRule   // DefaultContest when zero
}

// The defaults. A deployment tool writes a function, its aliases and its
// settings within seconds, which is what the settle time outlasts. The rest is
// judgement.
const (
	DefaultSettle = 10 * time.Second
	DefaultGap    = 10 * time.Second
)

// DefaultContest gives up on a key that was corrected three times in half an hour.
var DefaultContest = ContestRule{Times: 3, Window: 30 * time.Minute}

// Recorder is told what happens, for metrics. Its methods must not block.
type Recorder interface {
	Woken(Cause)
	Passed(Report)
}

// Report is one pass that is over.
type Report struct {
	Scope     Scope
	Causes    []Cause // in the order of Causes
	Started   time.Time
	Finished  time.Time
	Events    []time.Time // when the events happened that the pass answered, sorted
	Contested []Contested // after the pass
	Result    Result
}

// filled puts defaults where nothing was said.
func (o Options) filled() Options {
	o.Settle = cmp.Or(o.Settle, DefaultSettle)
	o.Gap = cmp.Or(o.Gap, DefaultGap)
	o.Contest = cmp.Or(o.Contest, DefaultContest)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Recorder == nil {
		o.Recorder = deaf{}
	}
	return o
}

type deaf struct{}

func (deaf) Woken(Cause)   {}
func (deaf) Passed(Report) {}
