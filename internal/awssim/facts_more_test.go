package awssim_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// Facts that one call after the other cannot show.

func TestWritesMoveLastModified(t *testing.T) {
	w := newWorld(t, factsWorld())
	c := by(t, w)
	modified := func() time.Time {
		r, _ := w.Record(account, region, "f", "")
		return r.LastModified
	}
	var before time.Time
	for _, s := range []step{
		{method: "PUT", body: both}, {method: "PUT", body: both}, {method: "POST", body: `{"MaximumRetryAttempts":2}`},
	} {
		if r := c.call(s.method, f, s.body); r.status != 200 {
			t.Fatal(r)
		}
		if now := modified(); !now.After(before) {
			t.Errorf("fact 7: %s of the same values did not move LastModified from %v", s.method, before)
		} else {
			before = now
		}
	}
	for _, body := range []string{`{}`, `{"MaximumRetryAttempts":3}`, `{"DestinationConfig":{"OnSuccess":{"Destination":"arn:aws:s3:::b"}}}`} {
		if r := c.call("POST", f, body); r.status != 400 {
			t.Fatal(r)
		}
	}
	if now := modified(); !now.Equal(before) {
		t.Errorf("fact 9: a refused write moved LastModified from %v to %v", before, now)
	}
}

func TestRecordBytes(t *testing.T) {
	for _, row := range []struct {
		why  string
		at   time.Time
		want string
	}{
		{"milliseconds in E-notation", time.UnixMilli(1789313524486), "1.789313524486E9"},
		{"zeros at the end are not written", time.UnixMilli(1789313524480), "1.78931352448E9"},
		{"a whole second is still a float", time.Unix(1789313524, 0), "1.789313524E9"},
		{"a mantissa keeps one digit behind the point", time.Unix(1000000000, 0), "1.0E9"},
	} {
		w := newWorld(t, factsWorld())
		if err := w.SetRecord(account, region, "f", "", awssim.Record{LastModified: row.at}); err != nil {
			t.Fatal(err)
		}
		want := `{"LastModified":` + row.want + `,"FunctionArn":"` + arn + `f:$LATEST","MaximumRetryAttempts":null,"MaximumEventAgeInSeconds":null,"DestinationConfig":{"OnSuccess":{"Destination":null},"OnFailure":{"Destination":null}}}`
		if got := by(t, w).call("GET", f, "").body; got != want {
			t.Errorf("%s:\n got %s\nwant %s", row.why, got, want)
		}
	}
}

func TestHeaders(t *testing.T) {
	c := by(t, newWorld(t, factsWorld()))
	ok, bad := c.call("PUT", f, both), c.call("PUT", f, `{}`)
	for _, r := range []reply{ok, bad} {
		if r.header.Get("Content-Type") != "application/json" || len(r.header.Get("X-Amzn-Requestid")) != 36 {
			t.Errorf("headers %v", r.header)
		}
	}
	if ok.header.Get("X-Amzn-Requestid") == bad.header.Get("X-Amzn-Requestid") {
		t.Error("two calls share a request id")
	}
	if _, set := ok.header["X-Amzn-Errortype"]; set {
		t.Error("a success names an error type")
	}
	if _, dated := ok.header["Date"]; dated {
		t.Error("a Date header would be taken for a skew of the clock in virtual time")
	}
}

// Fact 12: a Put changes the record and not the function.
func TestPutLeavesTheFunctionAlone(t *testing.T) {
	c := by(t, newWorld(t, factsWorld()))
	before := c.call("GET", "/2015-03-31/functions/f/configuration", "").body
	if r := c.call("PUT", f, both); r.status != 200 {
		t.Fatal(r)
	}
	if after := c.call("GET", "/2015-03-31/functions/f/configuration", "").body; after != before {
		t.Errorf("before %s\nafter %s", before, after)
	}
}

// Fact 14, and its second cause: both texts of 409.
func TestConflicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := factsWorld()
		s.Latency = 100 * time.Millisecond
		w := newWorld(t, s)
		c := by(t, w)
		if err := w.SetBusy(account, region, "f", 5*time.Second); err != nil {
			t.Fatal(err)
		}
		step{"PUT", f, both, 409, "ResourceConflictException",
			`{"Type":"User","message":"The operation cannot be performed at this time. An update is in progress for resource: ` + arn + `f"}`}.run(t, c)
		if r := c.call("GET", "/2015-03-31/functions/f/configuration", ""); !strings.Contains(r.body, `"LastUpdateStatus":"InProgress"`) {
			t.Errorf("a busy function does not say so: %s", r.body)
		}
		time.Sleep(5 * time.Second)
		put(f, both, rec("f:$LATEST", "2", "60", topic, queue)).run(t, c)

		replies := make(chan reply)
		go func() { replies <- c.call("PUT", fLive, both) }()
		time.Sleep(20 * time.Millisecond)
		go func() { replies <- c.call("DELETE", f, "") }()
		first, second := <-replies, <-replies
		if first.status != 200 {
			t.Errorf("the first of two overlapping writes: %+v", first)
		}
		want := `{"Type":"User","message":"The EventInvokeConfig for function ` + arn + `f:$LATEST could not be updated due to a concurrent update operation."}`
		if second.status != 409 || second.body != want {
			t.Errorf("the second of two overlapping writes: %d %s", second.status, second.body)
		}
		remove(f).run(t, c)
	})
}

// Facts 18 and 19: all qualifiers are listed, in pages, in an order of their own.
func TestListPages(t *testing.T) {
	fn := awssim.Function{Name: "f", Records: map[string]awssim.Record{"$LATEST": {}}}
	for v := range 119 {
		version := string(rune('1'+v%9)) + strings.Repeat("0", v/9)
		fn.Versions = append(fn.Versions, version)
		fn.Records[version] = awssim.Record{}
	}
	for _, row := range []struct {
		why   string
		query string
		pages int
	}{
		{"50 to a page when nothing is asked", "", 3},
		{"as asked", "MaxItems=25", 5},
		{"one page with nothing behind it ends the listing", "MaxItems=40", 3},
	} {
		t.Run(row.why, func(t *testing.T) {
			c := by(t, newWorld(t, awssim.Fleet(account, region, fn)))
			var seen []string
			pages, marker := 0, ""
			for {
				q := fList + "?" + row.query
				if marker != "" {
					q += "&Marker=" + marker
				}
				var page struct {
					FunctionEventInvokeConfigs []struct{ FunctionArn string }
					NextMarker                 *string
				}
				if err := json.Unmarshal([]byte(c.call("GET", q, "").body), &page); err != nil {
					t.Fatal(err)
				}
				pages++
				for _, r := range page.FunctionEventInvokeConfigs {
					seen = append(seen, r.FunctionArn)
				}
				if page.NextMarker == nil {
					break
				}
				marker = *page.NextMarker
			}
			if pages != row.pages || len(seen) != 120 {
				t.Errorf("%d records in %d pages, want 120 in %d", len(seen), pages, row.pages)
			}
			if slices.IsSorted(seen) {
				t.Error("the listing is sorted, which AWS does not promise")
			}
			slices.Sort(seen)
			if n := len(slices.Compact(seen)); n != 120 {
				t.Errorf("%d different records", n)
			}
		})
	}
}

// Facts 25 and 26: a record belongs to the alias's name.
func TestRecordOutlivesItsAlias(t *testing.T) {
	w := newWorld(t, factsWorld())
	c := by(t, w)
	put(fLive, both, rec("f:live", "2", "60", topic, queue)).run(t, c)
	if err := w.AddAlias(account, region, "f", "live"); err != nil { // points it anew
		t.Fatal(err)
	}
	get(fLive, rec("f:live", "2", "60", topic, queue)).run(t, c)
	if err := w.RemoveAlias(account, region, "f", "live"); err != nil {
		t.Fatal(err)
	}
	get(fList, list(rec("f:live", "2", "60", topic, queue))).run(t, c)
	put(fLive, both, "").missing(gone).run(t, c)
	remove(fLive).run(t, c)
}
