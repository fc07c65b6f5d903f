package history

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Shard says which part of the targets a run worked on. Index counts from 0.
// The zero Shard is a run that is not sharded.
type Shard struct {
	Index int `json:"index"`
	Count int `json:"count"`
}

// String is "shard-0-of-4", or "whole".
func (s Shard) String() string {
	if s.Count == 0 {
		return "whole"
	}
	return fmt.Sprintf("shard-%d-of-%d", s.Index, s.Count)
}

// The folders of a store. docs/history.md describes them: they are a contract.
const (
	runsFolder     = "runs/"
	journalsFolder = "journals/"
	aliveFolder    = "alive/"
	leasesFolder   = "leases/"
	chainFolder    = "chain/"
	paceFolder     = "pace/"
)

// runWord is what a run's id may be: it becomes a part of file names and keys.
var runWord = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$`)

// newest is what Load takes for the run that began last.
const newest = "latest"

func checkRun(run string) error {
	if !runWord.MatchString(run) || run == newest {
		return fmt.Errorf("history: %q cannot be the id of a run; use at most 128 letters, digits, dots, hyphens and underscores, and not the word %q", run, newest)
	}
	return nil
}

// attempt is one process's work on a run: the run as a whole, or a shard of it. A
// shard that was tried again is another attempt, because it began at another time,
// and the journal of the first one is kept.
type attempt struct {
	run     string
	started time.Time
	shard   Shard
}

// attemptTime sorts by its bytes. Microseconds tell apart two attempts.
const attemptTime = "20060102T150405.000000Z"

func (a attempt) stem() string {
	return a.run + "/" + a.started.UTC().Format(attemptTime) + "-" + a.shard.String()
}
func (a attempt) record() string  { return runsFolder + a.stem() + ".json" }
func (a attempt) journal() string { return journalsFolder + a.stem() + ".jsonl" }
func (a attempt) alive() string   { return aliveFolder + a.stem() + ".json" }

func leaseName(t desired.Target) string { return leasesFolder + t.Account + "/" + t.Region + ".json" }
func paceName(t desired.Target) string  { return paceFolder + t.Account + "/" + t.Region + ".json" }

// parseAttempt takes apart the name of a record or a journal.
func parseAttempt(name, folder, suffix string) (attempt, bool) {
	stem, in := strings.CutPrefix(name, folder)
	stem, is := strings.CutSuffix(stem, suffix)
	run, rest, two := strings.Cut(stem, "/")
	if !in || !is || !two {
		return attempt{}, false
	}
	when, shard, _ := strings.Cut(rest, "-")
	started, err := time.Parse(attemptTime, when)
	if err != nil || checkRun(run) != nil {
		return attempt{}, false
	}
	a := attempt{run: run, started: started}
	if index, count, sharded := strings.Cut(strings.TrimPrefix(shard, "shard-"), "-of-"); sharded {
		var wrongIndex, wrongCount error
		a.shard.Index, wrongIndex = strconv.Atoi(index)
		a.shard.Count, wrongCount = strconv.Atoi(count)
		if wrongIndex != nil || wrongCount != nil {
			return attempt{}, false
		}
	}
	return a, a.shard.String() == shard
}
