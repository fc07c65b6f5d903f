package trail

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// FuzzDecode holds that no event panics, that one is either read, of no concern or
// counted as unread, and that what is read is about this target and of bounded length.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("../events/testdata/trail-*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no fixtures", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add("e", string(data))
	}
	f.Add("", recorded{id: "e", name: Writes[0], function: "orders:live", at: time.Unix(1764000000, 0)}.record())
	f.Add("e", `{"eventName": "TagResource20170331v2", "userIdentity": {"type": "AssumedRole", "arn": "::/"}}`)
	f.Fuzz(func(t *testing.T, id, record string) {
		j := nameJob{lookup: &lookup{source: &Source{target: ireland}, answer: &Answer{}, seen: map[string]bool{}}}
		e := types.Event{EventId: aws.String(id), CloudTrailEvent: aws.String(record)}
		hints := j.take([]types.Event{e, {}})
		if n := j.answer.Unread; n < 1 || n > 2 || n == 2 && len(hints) > 0 {
			t.Errorf("%d unread and %d read of two, of which the empty one is unread", n, len(hints))
		}
		for _, h := range hints {
			if h.Target != ireland || h.Failed || len(h.Author.Name) > 256 || len(h.Author.Client) > 256 || len(h.Author.Principal) > 256 {
				t.Errorf("%+v is not about %v, or too long", h, ireland)
			}
		}
		if again := j.take([]types.Event{e}); id != "" && len(again) > 0 {
			t.Errorf("%+v was read twice", again)
		}
	})
}
