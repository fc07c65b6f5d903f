package destination

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/sync/errgroup"

	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

const (
	// listFrom is from how many queues of one region on they are listed: fleets with
	// a queue for each function have thousands.
	listFrom = 10
	// queuesPerPage is the most that ListQueues gives, and maxQueuePages bounds it.
	queuesPerPage, maxQueuePages = 1000, 20
	// maxLookups is how many destinations a target's credentials ask for one by one.
	maxLookups = 40
	// atOnce is how many of them at the same time.
	atOnce = 8
)

// job is one destination to be looked up. Its State is set, or err says why not.
type job struct {
	*insight.Destination
	arn arn.ARN
	err error // of the SDK, or of this package
}

var (
	errTooMany  = fmt.Errorf("a target has at most %d destinations looked up, the most used", maxLookups)
	errNoTime   = errors.New("the time for it was over")
	errNoConfig = errors.New("the target was not opened on AWS")
)

// lookUp finds the state of destinations with the credentials of one target, and
// says what it did not find out.
func lookUp(ctx context.Context, open reconcile.OpenTarget, jobs []*job) []insight.Unavailable {
	cfg, ok := awslambda.InsightConfig(open)
	if !ok {
		for _, j := range jobs {
			j.err = errNoConfig
		}
		return failures(open, jobs)
	}
	queues := slice.Filter(jobs, func(j *job) bool { return j.arn.Service == "sqs" && j.arn.AccountID == open.Account })
	var group errgroup.Group
	group.SetLimit(atOnce)
	for region, of := range slice.Group(queues, func(j *job) string { return j.arn.Region }) {
		if len(of) >= listFrom {
			group.Go(func() error { listQueues(ctx, in(cfg, region), of); return nil })
		}
	}
	group.Wait() // whoever may not list may still ask for some
	single := slice.Filter(jobs, func(j *job) bool { return j.State == insight.DestinationUnknown })
	slices.SortFunc(single, func(a, b *job) int {
		return cmp.Or(cmp.Compare(len(b.Uses), len(a.Uses)), strings.Compare(a.ARN, b.ARN))
	})
	for i, j := range single {
		if i >= maxLookups {
			j.err = errTooMany
			continue
		}
		group.Go(func() error {
			j.settle(ctx, open.Account, j.ask(ctx, in(cfg, cmp.Or(j.arn.Region, open.Region)), open.Account))
			return nil
		})
	}
	group.Wait() // its errors are in the jobs
	return failures(open, jobs)
}

func in(cfg aws.Config, region string) aws.Config {
	cfg.Region = region
	return cfg
}

// ask makes the one call that tells whether a destination exists.
func (j *job) ask(ctx context.Context, cfg aws.Config, account string) (err error) {
	switch j.arn.Service {
	case "sqs":
		_, err = sqs.NewFromConfig(cfg).GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &j.arn.Resource, QueueOwnerAWSAccountId: &j.arn.AccountID})
	case "sns":
		_, err = sns.NewFromConfig(cfg).GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &j.ARN})
	case "events":
		name := j.ARN // of another account
		if j.arn.AccountID == account {
			name = strings.TrimPrefix(j.arn.Resource, "event-bus/")
		}
		_, err = eventbridge.NewFromConfig(cfg).DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: &name})
	case "s3":
		client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = o.BaseEndpoint != nil })
		bucket, _, _ := strings.Cut(j.arn.Resource, "/")
		_, err = client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket})
		if answer, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && answer.HTTPStatusCode() == http.StatusMovedPermanently {
			err = nil // it is there, in another region
		}
	default:
		err = fmt.Errorf("no event of Lambda goes to the service %s", j.arn.Service)
	}
	return err
}

// settle takes the answer. That there is no such thing counts only where the asker
// would see it: in its own account, and for buckets, whose names are everybody's.
func (j *job) settle(ctx context.Context, account string, err error) {
	missing := errors.As(err, new(*sqstypes.QueueDoesNotExist)) || errors.As(err, new(*snstypes.NotFoundException)) ||
		errors.As(err, new(*eventbridgetypes.ResourceNotFoundException)) || errors.As(err, new(*s3types.NotFound))
	switch {
	case err == nil:
		j.State = insight.DestinationExists
	case missing && (j.arn.AccountID == account || j.arn.AccountID == ""):
		j.State = insight.DestinationMissing
	case ctx.Err() != nil:
		j.err = insight.Unlearnt(ctx, errNoTime)
	case missing:
		j.err = &callerr.Error{
			Kind:    callerr.Denied,
			Message: fmt.Sprintf("account %s shows nothing of that name to account %s, and may hide it", j.arn.AccountID, account),
			Hint:    fmt.Sprintf("look it up with credentials of account %s, or let its resource policy allow the caller to see it", j.arn.AccountID),
		}
	default:
		j.err = err
	}
}

// listQueues settles queues of one region by the list of all of them. What is on it
// exists; what is not is missing, if the list is whole.
func listQueues(ctx context.Context, cfg aws.Config, jobs []*job) {
	there := map[string]bool{}
	pages := sqs.NewListQueuesPaginator(sqs.NewFromConfig(cfg), &sqs.ListQueuesInput{MaxResults: aws.Int32(queuesPerPage)})
	whole := true
	for n := 0; whole && pages.HasMorePages(); n++ {
		page, err := pages.NextPage(ctx)
		whole = err == nil && n < maxQueuePages
		if err != nil {
			break
		}
		for _, url := range page.QueueUrls {
			there[path.Base(url)] = true
		}
	}
	for _, j := range jobs {
		switch {
		case there[j.arn.Resource]:
			j.State = insight.DestinationExists
		case whole:
			j.State = insight.DestinationMissing
		}
	}
}

// failures says what was not learnt, once for each cause.
func failures(open reconcile.OpenTarget, jobs []*job) []insight.Unavailable {
	type cause struct{ op, code, text string }
	failed := slice.Filter(jobs, func(j *job) bool { return j.err != nil })
	var all []insight.Unavailable
	for c, of := range slice.Group(failed, func(j *job) cause {
		call := reconcile.ErrorOf(awslambda.AsCallError(j.ARN, j.err))
		c := cause{op: call.Op, code: call.Code}
		if c.code == "" {
			c.text = call.Message
		}
		return c
	}) {
		subject := "*"
		if len(of) == 1 {
			subject = of[0].ARN
		}
		u := insight.Unavailable{What: describe(len(of)), Target: open.Target, Err: of[0].err}
		if c.op != "" {
			u.Err = awslambda.AsCallError(subject, of[0].err)
		}
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b insight.Unavailable) int {
		return cmp.Or(strings.Compare(a.What, b.What), strings.Compare(a.Err.Error(), b.Err.Error()))
	})
	return all
}
