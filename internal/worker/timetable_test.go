package worker

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		panic(err)
	}
	return t
}

func mustEvery(t testing.TB, d time.Duration) Timetable {
	t.Helper()
	table, err := Every(d)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestCronTimes(t *testing.T) {
	for _, tt := range []struct{ why, expression, after, next, deadline string }{
		{"every quarter of an hour", "*/15 * * * *", "2026-11-20 10:00:00", "2026-11-20 10:15:00", "2026-11-20 10:30:00"},
		{"a time that is now is not next", "0 10 * * *", "2026-11-20 10:00:00", "2026-11-21 10:00:00", "2026-11-22 10:00:00"},
		{"a weekend without runs alarms nobody", "0 9 * * 1-5", "2026-11-20 09:10:00", "2026-11-23 09:00:00", "2026-11-24 09:00:00"},
		{"a name", "@daily", "2026-11-20 10:00:00", "2026-11-21 00:00:00", "2026-11-22 00:00:00"},
		{"a zone", "CRON_TZ=Europe/Berlin 0 9 * * *", "2026-11-20 10:00:00", "2026-11-21 08:00:00", "2026-11-22 08:00:00"},
		{"the 13th or a Friday, as crontab(5) says, not only a Friday the 13th", "0 0 13 * 5", "2026-11-20 10:00:00", "2026-11-27 00:00:00", "2026-12-04 00:00:00"},
		{"and the 13th that is no Friday", "0 0 13 * 5", "2026-12-12 10:00:00", "2026-12-13 00:00:00", "2026-12-18 00:00:00"},
		{"a day of week alone", "0 0 * * 5", "2026-12-12 10:00:00", "2026-12-18 00:00:00", "2026-12-25 00:00:00"},
		{"an hour that the clock leaves out in spring: an hour later, and the next day again", "CRON_TZ=Europe/Berlin 30 2 * * *", "2026-03-28 10:00:00", "2026-03-29 01:30:00", "2026-03-30 00:30:00"},
		{"an hour that comes twice in autumn counts twice, which costs a sweep", "CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-24 10:00:00", "2026-10-25 00:30:00", "2026-10-25 01:30:00"},
		{"every quarter through an hour that comes twice", "CRON_TZ=Europe/Berlin */15 * * * *", "2026-10-25 00:45:00", "2026-10-25 01:00:00", "2026-10-25 01:15:00"},
		{"every quarter through an hour that is left out", "CRON_TZ=Europe/Berlin */15 * * * *", "2026-03-29 00:45:00", "2026-03-29 01:00:00", "2026-03-29 01:15:00"},
		{"a leap day", "0 0 29 2 *", "2026-11-20 10:00:00", "2028-02-29 00:00:00", "2032-02-29 00:00:00"},
	} {
		table, err := Cron(tt.expression)
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		if got := table.Next(at(tt.after), 0.5); !got.Equal(at(tt.next)) {
			t.Errorf("%s: next is %s, want %s", tt.why, got, tt.next)
		}
		if got := table.Deadline(at(tt.after), 0); !got.Equal(at(tt.deadline)) {
			t.Errorf("%s: the deadline is %s, want %s", tt.why, got, tt.deadline)
		}
	}
}

func TestTimetablesThatAreRefused(t *testing.T) {
	for _, tt := range []struct{ why, expression, err string }{
		{"nonsense", "often", "write minute, hour"},
		{"seconds are not asked for", "0 */15 * * * *", "write minute, hour"},
		{"a day that never comes", "0 0 31 2 *", "never comes true"},
		{"faster than a pass", "@every 2s", "too often"},
		{"a zone that crashed an older parser", "TZ=0", "write minute, hour"},
		{"nothing", "", "write minute, hour"},
	} {
		if _, err := Cron(tt.expression); err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %q gives error %v, want one with %q", tt.why, tt.expression, err, tt.err)
		}
	}
	for _, d := range []time.Duration{0, -time.Hour, 9 * time.Second} {
		if _, err := Every(d); err == nil {
			t.Errorf("every %s was taken", d)
		}
	}
}

func TestAnIntervalStaysWithinItsJitter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(int64(shortestPeriod), int64(48*time.Hour)).Draw(t, "interval"))
		u := rapid.Float64Range(0, 0.999).Draw(t, "u")
		table, err := Every(d)
		if err != nil {
			t.Fatal(err)
		}
		after := at("2026-11-20 10:00:00")
		next := table.Next(after, u)
		if next.Before(after.Add(d*9/10-1)) || next.After(after.Add(d*11/10+1)) {
			t.Errorf("after %s comes %s, more than a tenth off", d, next.Sub(after))
		}
		if !table.Deadline(after, 0).After(next) {
			t.Errorf("the deadline %s is not past the next time %s", table.Deadline(after, 0), next)
		}
	})
}
