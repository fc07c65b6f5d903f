package awslambda

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Finder discovers one target: names of functions from Lambda, their tags from
// the tagging API. That is a service of its own: its calls spend none of Lambda's
// quota, and the SDK's backoff paces them.
type Finder struct {
	*Reader
	tags *tagging.Client
}

var _ reconcile.Finder = (*Finder)(nil)

const (
	// maxTagged is the most resources that one page of GetResources holds.
	maxTagged = 100
	// maxTagPages bounds a listing that never ends: two hundred thousand functions.
	maxTagPages = 2000
	// taggingAttempts is how often one page is tried. The service's rate limit is
	// not documented, and its throttling is met in practice.
	taggingAttempts = 8
)

// NewFinder makes a Finder over a connection.
func NewFinder(c *Conn) *Finder {
	cfg := restricted(c.config, taggingOperations, boundedRetryer(taggingAttempts), c.creds.secrets, true, addCounter(&c.counters))
	return &Finder{Reader: NewReader(c), tags: tagging.NewFromConfig(cfg)}
}

// addCounter counts each attempt of a client that the limiter does not see.
func addCounter(c *counters) func(*middleware.Stack) error {
	count := middleware.FinalizeMiddlewareFunc("CountAttempts",
		func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
			middleware.FinalizeOutput, middleware.Metadata, error,
		) {
			out, md, err := next.HandleFinalize(ctx, in)
			if err == nil {
				c.add(middleware.GetOperationName(ctx), ratelimit.OK)
			} else if f := failureOf(err); f.sent {
				c.add(middleware.GetOperationName(ctx), f.result)
			}
			return out, md, err
		})
	return func(s *middleware.Stack) error { return s.Finalize.Insert(count, "Retry", middleware.After) }
}

// Tagged implements reconcile.Finder: the tags of the functions that carry all of
// the given ones. A function that never had a tag is in no answer.
func (f *Finder) Tagged(ctx context.Context, tags []desired.Tag) (map[string]map[string]string, error) {
	about := f.conn.about(opGetResources, "", desired.Latest)
	about.service = serviceTagging
	in := &tagging.GetResourcesInput{
		ResourceTypeFilters: []string{"lambda:function"},
		ResourcesPerPage:    aws.Int32(maxTagged),
		TagFilters:          slice.Map(tags, func(tag desired.Tag) types.TagFilter { return types.TagFilter{Key: &tag.Key, Values: tag.Values} }),
	}
	found := map[string]map[string]string{}
	pages := Pages{Max: maxTagPages}
	for more := true; more; more = pages.Token != nil {
		in.PaginationToken = pages.Token
		out, err := f.tags.GetResources(ctx, in)
		if err != nil {
			return nil, about.failed(err)
		}
		if err = f.collect(found, out.ResourceTagMappingList); err == nil {
			err = pages.Turn(out.PaginationToken)
		}
		if err != nil {
			return nil, about.badAnswer(out.ResultMetadata, err)
		}
	}
	return found, nil
}

// TagsOf implements reconcile.Finder.
func (f *Finder) TagsOf(ctx context.Context, functions []string) (map[string]map[string]string, error) {
	about := f.conn.about(opGetResources, "", desired.Latest)
	about.service = serviceTagging
	t := f.conn.target
	found := map[string]map[string]string{}
	for some := range slices.Chunk(functions, maxTagged) {
		arns := slice.Map(some, func(name string) string {
			return fmt.Sprintf("arn:%s:lambda:%s:%s:function:%s", t.Partition(), t.Region, t.Account, name)
		})
		out, err := f.tags.GetResources(ctx, &tagging.GetResourcesInput{ResourceARNList: arns})
		if err != nil {
			return nil, about.failed(err)
		}
		if err := f.collect(found, out.ResourceTagMappingList); err != nil {
			return nil, about.badAnswer(out.ResultMetadata, err)
		}
	}
	return found, nil
}

func (f *Finder) collect(found map[string]map[string]string, page []types.ResourceTagMapping) error {
	if err := listed(page, "ResourceTagMappingList"); err != nil {
		return err
	}
	for i, r := range page {
		if r.ResourceARN == nil {
			return fmt.Errorf("entry %d of the list has no ResourceARN", i+1)
		}
		function, _, err := functionIn(f.conn.target, *r.ResourceARN)
		if err != nil {
			return err
		}
		tags := make(map[string]string, len(r.Tags))
		for _, tag := range r.Tags {
			if tag.Key == nil {
				return fmt.Errorf("function %s has a tag without a key", function)
			}
			tags[*tag.Key] = aws.ToString(tag.Value)
		}
		found[function] = tags
	}
	return nil
}
