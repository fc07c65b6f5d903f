package worker

import (
	"fmt"
	"strings"
	"time"

	cron "github.com/netresearch/go-cron"
)

// Timetable is when sweeps are due. It holds no clock: its
// methods are functions of instants.
type Timetable struct {
	every time.Duration
	cron  cron.Schedule // nil for an interval
	text  string
}

// shortestPeriod keeps the schedule slower than a pass over a small fleet.
const shortestPeriod = 10 * time.Second

// jitter is the part of an interval by which it varies to either side, so that
// workers that were started together do not stay together.
const jitter = 0.1

// Every is a timetable with an interval.
func Every(interval time.Duration) (Timetable, error) {
	if interval < shortestPeriod {
		return Timetable{}, fmt.Errorf("an interval of %s is too short; use at least %s, events are for what must be faster", interval, shortestPeriod)
	}
	return Timetable{every: interval, text: "every " + inWords(interval)}, nil
}

// inWords is an interval without the zeros that Duration.String puts behind it:
// 15m, not 15m0s.
func inWords(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// crontab reads what crontab(5) describes. A day of month and a day of week that are
// both given are joined by OR there, unlike in the library's own default.
var crontab = cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor | cron.DowOrDom)

// Cron is a timetable in the five fields of crontab, or a name such as @hourly.
// Times are local; put CRON_TZ=Europe/Berlin in front for another zone.
func Cron(expression string) (Timetable, error) {
	schedule, err := crontab.Parse(expression)
	if err != nil {
		return Timetable{}, fmt.Errorf("the cron expression %q is wrong: %w; write minute, hour, day of month, month and day of week, such as \"*/15 * * * *\"", expression, err)
	}
	first := schedule.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
	if first.IsZero() {
		return Timetable{}, fmt.Errorf("the cron expression %q never comes true; check the day and the month", expression)
	}
	if schedule.Next(first).Sub(first) < shortestPeriod {
		return Timetable{}, fmt.Errorf("the cron expression %q comes true too often; leave at least %s between passes", expression, shortestPeriod)
	}
	return Timetable{cron: schedule, text: "cron " + expression}, nil
}

// String says the timetable in words.
func (t Timetable) String() string { return t.text }

// Next is the first time due after an instant. The number u, from 0 up to 1,
// places it within the jitter of an interval; a cron time has none.
func (t Timetable) Next(after time.Time, u float64) time.Time {
	if t.cron != nil {
		return t.cron.Next(after)
	}
	return after.Add(time.Duration(float64(t.every) * (1 - jitter + 2*jitter*u)))
}

// Deadline is when a success grows too old: two periods after it, and twice as
// long as a sweep takes. By a cron expression two periods are the second time due
// after it, however far apart they are, so that a weekend without runs alarms
// nobody.
func (t Timetable) Deadline(success time.Time, sweep time.Duration) time.Time {
	if t.cron != nil {
		return t.cron.Next(t.cron.Next(success)).Add(2 * sweep)
	}
	return success.Add(2 * (t.every + sweep))
}

// Period is the time from one sweep to the next, as it is after an instant.
func (t Timetable) Period(after time.Time) time.Duration {
	if t.cron != nil {
		next := t.cron.Next(after)
		return t.cron.Next(next).Sub(next)
	}
	return t.every
}
