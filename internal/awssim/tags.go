package awssim

import (
	"maps"
	"slices"
	"sort"
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
	tags := map[string]string{}
	maps.Copy(tags, f.tags)
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

func badTagQuery(message string) *apiError { return badRequest("InvalidParameterException", message) }

func (t *tagQuery) check() *apiError {
	n := t.ResourcesPerPage
	bad := func(f tagFilter) bool { return f.Key == "" || len(f.Values) > maxTagValues }
	switch {
	case len(t.TagFilters) > maxTagFilters:
		return badTagQuery("TagFilters: at most 50 keys.")
	case slices.ContainsFunc(t.TagFilters, bad):
		return badTagQuery("TagFilters: a filter needs a key and takes at most 20 values.")
	case len(t.ResourceTypeFilters) > maxTypeFilters:
		return badTagQuery("ResourceTypeFilters: at most 100 types.")
	case n != nil && (*n < 1 || *n > maxResources):
		return badTagQuery("ResourcesPerPage: 1 to 100.")
	case len(t.ResourceARNList) > maxARNs:
		return badTagQuery("ResourceARNList: at most 100 ARNs.")
	case len(t.ResourceARNList) > 0 && (len(t.TagFilters) > 0 || len(t.ResourceTypeFilters) > 0 || n != nil || t.PaginationToken != ""):
		return badTagQuery("ResourceARNList cannot be combined with filters or paging.")
	}
	return nil
}

// selects says whether the query is after this function. A function that was
// never tagged is not known to the tagging API.
func (t *tagQuery) selects(f *function, arn string) bool {
	misses := func(filter tagFilter) bool {
		value, there := f.tags[filter.Key]
		return !there || len(filter.Values) > 0 && !slices.Contains(filter.Values, value)
	}
	isType := func(name string) bool { return name == "lambda" || name == "lambda:function" }
	return f.tags != nil && !slices.ContainsFunc(t.TagFilters, misses) &&
		(len(t.ResourceARNList) == 0 || slices.Contains(t.ResourceARNList, arn)) &&
		(len(t.ResourceTypeFilters) == 0 || slices.ContainsFunc(t.ResourceTypeFilters, isType))
}

func (w *World) getResources(q *request, t tagQuery) (any, *apiError) {
	if apiErr := t.check(); apiErr != nil {
		return nil, apiErr
	}
	after, ok := q.openMarker(t.PaginationToken)
	if !ok && t.PaginationToken != "" {
		return nil, badRequest("PaginationTokenExpiredException", "The pagination token is invalid or expired.")
	}
	var found []*function
	size := defaultResources
	switch {
	case len(t.ResourceARNList) > 0:
		size = maxARNs
	case t.ResourcesPerPage != nil:
		size = *t.ResourcesPerPage
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

// after returns the functions behind a rank in listing order.
func (s *regionState) after(rank string) []*function {
	list := s.inOrder()
	return list[sort.Search(len(list), func(i int) bool { return list[i].rank > rank }):]
}
