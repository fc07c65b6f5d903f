package awslambda

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// Tagger reads the tags of functions. The tagging API is a service of its own:
// its calls spend none of Lambda's quota, and the SDK's backoff paces them.
type Tagger struct {
	lane   *Conn
	client *tagging.Client
}

// maxTagged is the most resources that one page of GetResources holds.
const maxTagged = 100

// taggingAttempts is how often one page is tried. The service's rate limit is
// not documented, and its throttling is met in practice.
const taggingAttempts = 8

// NewTagger makes a Tagger over a lane.
func NewTagger(l *Conn) *Tagger {
	allowed := taggingOperations()
	client := tagging.NewFromConfig(l.config, func(o *tagging.Options) {
		o.Credentials = l.keys
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = taggingAttempts
			r.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(worthRetrying)}
		})
		o.RetryMaxAttempts = 0
		o.HTTPClient = guardedClient{allowed: allowed, next: o.HTTPClient}
		o.APIOptions = append(o.APIOptions, addGuard(allowed), addCounter(&l.counters), addAnswerReader(l.keys))
	})
	return &Tagger{lane: l, client: client}
}

// worthRetrying decides by the same outcomes as for Lambda's calls.
func worthRetrying(err error) aws.Ternary {
	outcome := failureOf(err).outcome
	return aws.BoolTernary(outcome == ratelimit.Throttled || outcome == ratelimit.ServerError || outcome == ratelimit.ClockSkew)
}

// addCounter counts each attempt of a client that the gate does not see.
func addCounter(c *counters) func(*middleware.Stack) error {
	count := middleware.FinalizeMiddlewareFunc("CountAttempts",
		func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
			middleware.FinalizeOutput, middleware.Metadata, error,
		) {
			out, md, err := next.HandleFinalize(ctx, in)
			if err == nil {
				c.add(middleware.GetOperationName(ctx), ratelimit.OK)
			} else if f := failureOf(err); f.sent {
				c.add(middleware.GetOperationName(ctx), f.outcome)
			}
			return out, md, err
		})
	return func(s *middleware.Stack) error { return s.Finalize.Insert(count, "Retry", middleware.After) }
}

// Functions reads the tags of the functions that carry all the given keys, each
// with one of its values; a key without values asks only for the key. A
// function that never had a tag is in no answer.
func (t *Tagger) Functions(ctx context.Context, with map[string][]string) (map[string]map[string]string, error) {
	about := call{op: opGetResources, target: t.lane.target, keys: t.lane.keys}
	in := &tagging.GetResourcesInput{
		ResourceTypeFilters: []string{"lambda:function"},
		ResourcesPerPage:    aws.Int32(maxTagged),
		TagFilters:          tagFilters(with),
	}
	found := map[string]map[string]string{}
	seen := map[string]bool{}
	for {
		out, err := t.client.GetResources(ctx, in)
		if err != nil {
			return nil, about.asCallError(failureOf(err))
		}
		page, err := answerIn[wireTagged](out.ResultMetadata)
		if err == nil {
			err = t.collect(found, page)
		}
		next := aws.ToString(page.PaginationToken)
		if err == nil && seen[next] {
			err = fmt.Errorf("AWS gave the page token %q twice, so the listing would never end", next)
		}
		if err != nil {
			return nil, about.distrust(out.ResultMetadata, err)
		}
		if next == "" {
			return found, nil
		}
		seen[next] = true
		in.PaginationToken = &next
	}
}

// tagFilters are sorted, so that the same question is the same request.
func tagFilters(with map[string][]string) []types.TagFilter {
	var filters []types.TagFilter
	for _, key := range slices.Sorted(maps.Keys(with)) {
		filters = append(filters, types.TagFilter{Key: aws.String(key), Values: slices.Sorted(slices.Values(with[key]))})
	}
	return filters
}

func (t *Tagger) collect(found map[string]map[string]string, page wireTagged) error {
	for i, r := range page.ResourceTagMappingList {
		if r == nil || r.ResourceARN == nil {
			return fmt.Errorf("entry %d of the list has no ResourceARN", i+1)
		}
		function, _, err := functionIn(t.lane.target, *r.ResourceARN)
		if err != nil {
			return err
		}
		tags := make(map[string]string, len(r.Tags))
		for _, tag := range r.Tags {
			if tag == nil || tag.Key == nil {
				return fmt.Errorf("function %s has a tag without a key", function)
			}
			tags[*tag.Key] = aws.ToString(tag.Value)
		}
		found[function] = tags
	}
	return nil
}
