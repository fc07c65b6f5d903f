package awssim

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// listTags is Lambda's own reading of tags. It takes a function ARN only.
func (w *World) listTags(q *request) (any, *apiError) {
	n, ok := parseName(q.function)
	if !ok || n.account == "" {
		var c constraints
		c.pattern(false, q.function, "resource", configNamePattern)
		return nil, c.apiError()
	}
	if n.qualifier != "" {
		return nil, invalidParameter("Tags on function aliases and versions are not supported. Please specify a function ARN.")
	}
	if apiErr := q.checkReach(n); apiErr != nil {
		return nil, apiErr
	}
	f := q.state.functions[n.name]
	if f == nil {
		return nil, noSuchFunction(q.arn(n.name))
	}
	tags := f.tags
	if tags == nil {
		tags = map[string]string{}
	}
	return struct{ Tags map[string]string }{tags}, nil
}

// Limits of GetResources, from its API reference.
const (
	maxTagFilters, maxTagValues = 50, 20
	maxTypeFilters, maxARNs     = 100, 100
	maxResources                = 100
	defaultResources            = 50
)

type tagQuery struct {
	PaginationToken  string
	TagFilters       []tagFilter
	ResourcesPerPage *int
	// TypeFilters and ARNs select functions; other types match nothing here.
	ResourceTypeFilters []string
	ResourceARNList     []string
}

// tagFilter holds when the key is there with one of the values, or with any when
// it lists none.
type tagFilter struct {
	Key    string
	Values []string
}

type tagPair struct{ Key, Value string }

type taggedResource struct {
	ResourceARN string
	Tags        []tagPair
}

type taggedPage struct {
	PaginationToken        string
	ResourceTagMappingList []taggedResource
}

func badTagQuery(message string) *apiError {
	return badRequest("InvalidParameterException", message)
}

func (t *tagQuery) check() *apiError {
	if len(t.TagFilters) > maxTagFilters {
		return badTagQuery("TagFilters: at most 50 keys.")
	}
	for _, f := range t.TagFilters {
		if f.Key == "" || len(f.Values) > maxTagValues {
			return badTagQuery("TagFilters: a filter needs a key and takes at most 20 values.")
		}
	}
	if len(t.ResourceTypeFilters) > maxTypeFilters {
		return badTagQuery("ResourceTypeFilters: at most 100 types.")
	}
	if n := t.ResourcesPerPage; n != nil && (*n < 1 || *n > maxResources) {
		return badTagQuery("ResourcesPerPage: 1 to 100.")
	}
	if len(t.ResourceARNList) > maxARNs {
		return badTagQuery("ResourceARNList: at most 100 ARNs.")
	}
	if len(t.ResourceARNList) > 0 && (len(t.TagFilters) > 0 || len(t.ResourceTypeFilters) > 0 || t.ResourcesPerPage != nil || t.PaginationToken != "") {
		return badTagQuery("ResourceARNList cannot be combined with filters or paging.")
	}
	return nil
}

// selects says whether the query is after this function. A function that was
// never tagged is not known to the tagging API.
func (t *tagQuery) selects(f *function, arn string) bool {
	if f.tags == nil {
		return false
	}
	if len(t.ResourceARNList) > 0 && !slices.Contains(t.ResourceARNList, arn) {
		return false
	}
	if len(t.ResourceTypeFilters) > 0 && !slices.Contains(t.ResourceTypeFilters, "lambda:function") && !slices.Contains(t.ResourceTypeFilters, "lambda") {
		return false
	}
	for _, filter := range t.TagFilters {
		value, there := f.tags[filter.Key]
		if !there || len(filter.Values) > 0 && !slices.Contains(filter.Values, value) {
			return false
		}
	}
	return true
}

func (w *World) getResources(q *request) (any, *apiError) {
	var t tagQuery
	if err := json.Unmarshal(q.body, &t); err != nil {
		return nil, unparsable(err)
	}
	if apiErr := t.check(); apiErr != nil {
		return nil, apiErr
	}
	after, ok := "", true
	if t.PaginationToken != "" {
		after, ok = q.openMarker(t.PaginationToken)
	}
	if !ok {
		return nil, badRequest("PaginationTokenExpiredException", "The pagination token is invalid or expired.")
	}
	var found []*function
	size := defaultResources
	if t.ResourcesPerPage != nil {
		size = *t.ResourcesPerPage
	}
	if len(t.ResourceARNList) > 0 {
		size = maxARNs
	}
	// One more than the page tells whether anything remains.
	for _, f := range q.state.after(after) {
		if t.selects(f, q.arn(f.name)) {
			found = append(found, f)
		}
		if len(found) > size {
			break
		}
	}
	shown, next := firstPage(w, q, found, size,
		func(f *function) string { return f.rank },
		func(f *function) taggedResource { return taggedResource{q.arn(f.name), pairs(f.tags)} })
	result := taggedPage{ResourceTagMappingList: shown}
	if next != nil {
		result.PaginationToken = *next
	}
	return result, nil
}

func pairs(tags map[string]string) []tagPair {
	list := []tagPair{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, tagPair{k, tags[k]})
	}
	return list
}

// after returns the functions behind a rank in listing order. The region is locked.
func (s *regionState) after(rank string) []*function {
	list := s.inOrder()
	i, found := slices.BinarySearchFunc(list, rank, func(f *function, r string) int { return strings.Compare(f.rank, r) })
	if found {
		i++
	}
	return list[i:]
}
