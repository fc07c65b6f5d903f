package history

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/shard"
)

// TestDocsShowWhatIsReadAndWritten holds docs/history.md against the code.
func TestDocsShowWhatIsReadAndWritten(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "history.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	_, rest, _ := strings.Cut(text, "```jsonl\n")
	lines, _, _ := strings.Cut(rest, "```")
	file, err := ParseJournal([]byte(lines))
	if err != nil || !file.Closed || len(file.Entries) != 1 || file.Entries[0].Result == nil {
		t.Errorf("the journal of the page: %+v, %v, want one entry with its result", file, err)
	}
	p := attempt{run: "RUN", started: time.Date(2026, 11, 22, 14, 20, 58, 123456000, time.UTC), shard: shard.Shard{Index: 0, Count: 4}}
	for _, want := range []string{
		"20261122T142058.123456Z", p.shard.Name(), "`whole`", runsFolder + "RUN/", journalsFolder + "RUN/", aliveFolder + "RUN/",
		leasesFolder + "ACCOUNT/REGION.json", partMark[1:] + "OFFSET", ".lock", "`.NAME…`",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not mention %q", want)
		}
	}
	for _, want := range []string{"chain/NUMBER.json", headName, string("| `" + Verified + "` |"), string("| `" + Pending + "` |"), string("| `" + Unverified + "` |"), string("| `" + Broken + "` |")} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not mention %q", want)
		}
	}
	for state := range progress {
		if !strings.Contains(text, "| `"+string(state)+"` |") {
			t.Errorf("the page does not explain the state %q", state)
		}
	}
	if LeaseTTL != time.Minute || renewEvery != 20*time.Second || useFor != 45*time.Second {
		t.Error("the page says 60 s, 20 s and 45 s of a lease")
	}
}
