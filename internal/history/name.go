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

// part is one process's share of a run: the run as a whole, or a shard of it. A
// shard that was tried again is another part, because it began at another time,
// and the journal of the first try is kept.
type part struct {
	run     string
	started time.Time
	shard   Shard
}

// partTime sorts by its bytes. Microseconds tell apart two tries.
const partTime = "20060102T150405.000000Z"

func (p part) stem() string {
	return p.run + "/" + p.started.UTC().Format(partTime) + "-" + p.shard.String()
}
func (p part) record() string  { return runsFolder + p.stem() + ".json" }
func (p part) journal() string { return journalsFolder + p.stem() + ".jsonl" }
func (p part) alive() string   { return aliveFolder + p.stem() + ".json" }

func leaseName(t desired.Target) string { return leasesFolder + t.Account + "/" + t.Region + ".json" }

// parsePart takes apart the name of a record or a journal.
func parsePart(name, folder, suffix string) (part, bool) {
	stem, in := strings.CutPrefix(name, folder)
	stem, is := strings.CutSuffix(stem, suffix)
	run, rest, two := strings.Cut(stem, "/")
	if !in || !is || !two {
		return part{}, false
	}
	when, shard, _ := strings.Cut(rest, "-")
	started, err := time.Parse(partTime, when)
	if err != nil || checkRun(run) != nil {
		return part{}, false
	}
	p := part{run: run, started: started}
	if index, count, sharded := strings.Cut(strings.TrimPrefix(shard, "shard-"), "-of-"); sharded {
		var wrongIndex, wrongCount error
		p.shard.Index, wrongIndex = strconv.Atoi(index)
		p.shard.Count, wrongCount = strconv.Atoi(count)
		if wrongIndex != nil || wrongCount != nil {
			return part{}, false
		}
	}
	return p, p.shard.String() == shard
}
