package awssim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// pages reads a listing to its end and returns one field of all its items, and
// the sizes of the pages.
func pages(c client, path, items, field string) (values []string, sizes []int) {
	c.t.Helper()
	marker := ""
	for {
		url := path
		if marker != "" {
			url += map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "Marker=" + marker
		}
		var page map[string]json.RawMessage
		if err := json.Unmarshal([]byte(c.call("GET", url, "").body), &page); err != nil {
			c.t.Fatal(err)
		}
		var list []map[string]any
		if err := json.Unmarshal(page[items], &list); err != nil {
			c.t.Fatalf("%v in %s", err, page[items])
		}
		for _, item := range list {
			values = append(values, item[field].(string))
		}
		sizes = append(sizes, len(list))
		if string(page["NextMarker"]) == "null" {
			return values, sizes
		}
		if err := json.Unmarshal(page["NextMarker"], &marker); err != nil {
			c.t.Fatal(err)
		}
	}
}

func TestListFunctions(t *testing.T) {
	c := by(t, newWorld(t, awssim.Fleet(account, region, awssim.Function{Name: "f-%03d", Count: 120, Versions: []string{"1", "10", "2"}})))
	for _, row := range []struct {
		why, query string
		sizes      []int
		different  int
	}{
		{"50 to a page", "", []int{50, 50, 20}, 120},
		{"no more than 50, whatever is asked", "?MaxItems=10000", []int{50, 50, 20}, 120},
		{"fewer when fewer are asked", "?MaxItems=40", []int{40, 40, 40}, 120},
		{"with every version", "?FunctionVersion=ALL", []int{50, 50, 50, 50, 50, 50, 50, 50, 50, 30}, 480},
	} {
		arns, sizes := pages(c, "/2015-03-31/functions"+row.query, "Functions", "FunctionArn")
		if d := cmp.Diff(row.sizes, sizes); d != "" {
			t.Errorf("%s: pages (-want +got)\n%s", row.why, d)
		}
		if slices.IsSorted(arns) {
			t.Errorf("%s: the listing is sorted, which AWS does not promise", row.why)
		}
		qualified := strings.Contains(row.query, "ALL")
		for _, a := range arns {
			if (strings.Count(a, ":") == 7) != qualified {
				t.Errorf("%s: %s", row.why, a)
			}
		}
		slices.Sort(arns)
		if n := len(slices.Compact(arns)); n != row.different {
			t.Errorf("%s: %d different, want %d", row.why, n, row.different)
		}
	}
	versions, _ := pages(c, "/2015-03-31/functions/f-007/versions?MaxItems=3", "Versions", "Version")
	if d := cmp.Diff([]string{"$LATEST", "1", "2", "10"}, versions); d != "" {
		t.Errorf("versions (-want +got)\n%s", d)
	}
}

// A listing that changes between two pages neither skips nor repeats what stayed.
func TestListSurvivesChange(t *testing.T) {
	w := newWorld(t, awssim.Fleet(account, region, awssim.Function{Name: "f-%02d", Count: 60}))
	c := by(t, w)
	first, _ := pages(c, "/2015-03-31/functions?MaxItems=50", "Functions", "FunctionName")
	var page struct{ NextMarker string }
	if err := json.Unmarshal([]byte(c.call("GET", "/2015-03-31/functions", "").body), &page); err != nil {
		t.Fatal(err)
	}
	for _, name := range first[:10] {
		if err := w.RemoveFunction(account, region, name); err != nil {
			t.Fatal(err)
		}
	}
	rest, _ := pages(c, "/2015-03-31/functions?Marker="+page.NextMarker, "Functions", "FunctionName")
	if d := cmp.Diff(first[50:], rest); d != "" {
		t.Errorf("the rest (-want +got)\n%s", d)
	}
	if r := c.call("GET", path("f-01", "")+"/list?Marker="+page.NextMarker, ""); r.status != 400 {
		t.Errorf("a marker of another operation was taken: %s", r.body)
	}
}

func TestListAliases(t *testing.T) {
	fn := awssim.Function{Name: "f", Versions: []string{"3"}}
	for i := range 120 {
		fn.Aliases = append(fn.Aliases, fmt.Sprintf("a%03d", i))
	}
	w := newWorld(t, awssim.Fleet(account, region, fn))
	c := by(t, w)
	names, sizes := pages(c, "/2015-03-31/functions/f/aliases?MaxItems=10000", "Aliases", "Name")
	if len(names) != 120 || len(sizes) != 1 {
		t.Errorf("aliases are not capped at 50: %d in %d pages", len(names), len(sizes))
	}
	if names, _ := pages(c, "/2015-03-31/functions/f/aliases?FunctionVersion=2", "Aliases", "Name"); len(names) != 0 {
		t.Errorf("aliases of a version that none points at: %v", names)
	}
	if r := c.call("GET", "/2015-03-31/functions/nobody/aliases", ""); r.body != `{"Type":"User","Message":"Function not found: `+arn+`nobody"}` {
		t.Error(r.body)
	}
}

func TestFunctionReads(t *testing.T) {
	w := newWorld(t, awssim.Fleet(account, region, awssim.Function{Name: "f", Aliases: []string{"live"}, Versions: []string{"2"}, Tags: map[string]string{"team": "orders"}}, awssim.Function{Name: "g"}))
	c := by(t, w)
	for _, row := range []struct {
		why, path string
		status    int
		parts     []string
	}{
		{"a function with its tags", "/2015-03-31/functions/f", 200, []string{`"FunctionArn":"` + arn + `f"`, `"State":"Active"`, `"LastUpdateStatus":"Successful"`, `"Tags":{"team":"orders"}`}},
		{"an alias shows the version behind it", "/2015-03-31/functions/f?Qualifier=live", 200, []string{`"FunctionArn":"` + arn + `f:live"`, `"Version":"2"`}},
		{"a missing qualifier is named", "/2015-03-31/functions/f:nobody", 404, []string{`"Message":"Function not found: ` + arn + `f:nobody"`}},
		{"configuration", "/2015-03-31/functions/f/configuration", 200, []string{`"FunctionName":"f"`}},
		{"tags by ARN", "/2017-03-31/tags/" + arn + "f", 200, []string{`{"Tags":{"team":"orders"}}`}},
		{"no tags", "/2017-03-31/tags/" + strings.ReplaceAll(arn, ":", "%3A") + "g", 200, []string{`{"Tags":{}}`}},
		{"tags of an alias", "/2017-03-31/tags/" + arn + "f:live", 400, []string{"Tags on function aliases and versions are not supported. Please specify a function ARN."}},
		{"tags of nobody", "/2017-03-31/tags/" + arn + "nobody", 404, []string{"Function not found: " + arn + "nobody"}},
		{"tags by name", "/2017-03-31/tags/f", 400, []string{"at 'resource' failed to satisfy constraint"}},
		{"account settings", "/2016-08-19/account-settings/", 200, []string{`"FunctionCount":2`}},
		{"what is not modelled says so", "/2015-03-31/functions/f/policy", 404, []string{"The simulator does not model GET /2015-03-31/functions/f/policy of lambda."}},
	} {
		r := c.call("GET", row.path, "")
		for _, part := range row.parts {
			if r.status != row.status || !strings.Contains(r.body, part) {
				t.Errorf("%s: %d %s\nwant %d with %s", row.why, r.status, r.body, row.status, part)
			}
		}
	}
}

type tagged struct {
	PaginationToken        string
	ResourceTagMappingList []struct {
		ResourceARN string
		Tags        []struct{ Key, Value string }
	}
}

// resources asks the tagging API.
func (c client) resources(body string) (reply, tagged) {
	c.t.Helper()
	c.service = "tagging"
	r := c.request(http.MethodPost, "/", body)
	r.Header.Set("X-Amz-Target", "ResourceGroupsTaggingAPI_20170126.GetResources")
	got, err := send(c.world, r)
	if err != nil {
		c.t.Fatal(err)
	}
	var page tagged
	if err := json.Unmarshal([]byte(got.body), &page); err != nil {
		c.t.Fatalf("%v in %s", err, got.body)
	}
	return got, page
}

func TestGetResources(t *testing.T) {
	w := newWorld(t, awssim.Fleet(account, region,
		awssim.Function{Name: "a", Tags: map[string]string{"team": "orders", "tier": "critical"}},
		awssim.Function{Name: "b", Tags: map[string]string{"team": "orders"}},
		awssim.Function{Name: "c", Tags: map[string]string{"team": "pay"}},
		awssim.Function{Name: "once", Tags: map[string]string{}},
		awssim.Function{Name: "never"}))
	c := by(t, w)
	for _, row := range []struct{ why, body, want string }{
		{"without a filter: all that were ever tagged", `{}`, "a b c once"},
		{"by type", `{"ResourceTypeFilters":["lambda:function"]}`, "a b c once"},
		{"of another type there are none", `{"ResourceTypeFilters":["s3"]}`, ""},
		{"by value", `{"TagFilters":[{"Key":"team","Values":["orders"]}]}`, "a b"},
		{"one of several values", `{"TagFilters":[{"Key":"team","Values":["pay","orders"]}]}`, "a b c"},
		{"any value", `{"TagFilters":[{"Key":"tier"}]}`, "a"},
		{"all filters must hold", `{"TagFilters":[{"Key":"team","Values":["orders"]},{"Key":"tier","Values":["low"]}]}`, ""},
		{"by ARN, leaving out the unknown", `{"ResourceARNList":["` + arn + `c","` + arn + `nobody"]}`, "c"},
	} {
		r, page := c.resources(row.body)
		var names []string
		for _, m := range page.ResourceTagMappingList {
			names = append(names, strings.TrimPrefix(m.ResourceARN, arn))
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != row.want || page.PaginationToken != "" || r.header.Get("Content-Type") != "application/x-amz-json-1.1" {
			t.Errorf("%s: %q, want %q; %s", row.why, got, row.want, r.body)
		}
	}
	for _, row := range []struct{ why, body, code string }{
		{"a page of none", `{"ResourcesPerPage":0}`, "InvalidParameterException"},
		{"a page beyond 100", `{"ResourcesPerPage":101}`, "InvalidParameterException"},
		{"ARNs and filters", `{"ResourceARNList":["a"],"TagFilters":[{"Key":"team"}]}`, "InvalidParameterException"},
		{"a filter without a key", `{"TagFilters":[{}]}`, "InvalidParameterException"},
		{"an old token", `{"PaginationToken":"x"}`, "PaginationTokenExpiredException"},
	} {
		if r, _ := c.resources(row.body); r.status != 400 || !strings.Contains(r.body, `"__type":"`+row.code+`"`) {
			t.Errorf("%s: %d %s", row.why, r.status, r.body)
		}
	}
}

func TestGetResourcesPages(t *testing.T) {
	s := awssim.Fleet(account, region, awssim.Function{Name: "f-%03d", Count: 130, Tags: map[string]string{"a": "b"}})
	s.Faults.ShortPage = 0.5
	c := by(t, newWorld(t, s))
	var seen []string
	short, token := 0, ""
	for {
		_, page := c.resources(`{"ResourcesPerPage":20,"PaginationToken":"` + token + `"}`)
		for _, m := range page.ResourceTagMappingList {
			seen = append(seen, m.ResourceARN)
		}
		if token = page.PaginationToken; token == "" {
			break
		}
		if len(page.ResourceTagMappingList) < 20 {
			short++
		}
	}
	slices.Sort(seen)
	if n := len(slices.Compact(seen)); n != 130 || len(seen) != 130 {
		t.Errorf("%d functions, %d different, want 130", len(seen), n)
	}
	if short == 0 {
		t.Error("no page came short with more to come")
	}
}
