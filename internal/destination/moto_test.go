package destination

import (
	"maps"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/awstest"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// startMoto starts an AWS that somebody else wrote, and points the environment at it.
func startMoto(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": awstest.Moto(t), "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "example",
		"AWS_REGION": region, "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
}

// The services' own answers, as somebody else understood them, are understood alike.
func TestServicesOfSomebodyElse(t *testing.T) {
	startMoto(t)
	const account = "123456789012" // moto's own
	cfg, err := config.LoadDefaultConfig(t.Context())
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(nil, err)
	queues := sqs.NewFromConfig(cfg)
	for _, name := range []string{"there", "also"} {
		must(queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name}))
	}
	must(sns.NewFromConfig(cfg).CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("there")}))
	must(eventbridge.NewFromConfig(cfg).CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: aws.String("there")}))
	must(s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: aws.String("there"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
	}))

	want := map[string]string{"arn:aws:s3:::there": "exists", "arn:aws:s3:::gone": "missing"}
	for _, form := range []string{"sqs:" + region + ":" + account + ":", "sns:" + region + ":" + account + ":", "events:" + region + ":" + account + ":event-bus/"} {
		want["arn:aws:"+form+"there"], want["arn:aws:"+form+"gone"] = "exists", "missing"
	}
	check := func(why string) {
		t.Helper()
		if got := annotated(t, want); !maps.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", why, got, want)
		}
	}
	check("one by one")
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		want["arn:aws:sqs:"+region+":"+account+":"+name] = "missing"
	}
	check("by the list of all queues")
}

// annotated runs the annotator over a run whose configs have the destinations.
func annotated(t *testing.T, arns map[string]string) map[string]string {
	limiters := ratelimit.NewRegistry(func(desired.Target) ratelimit.Options { return awslambda.Pace(1000, 1) })
	defer limiters.Close()
	opened, err := awslambda.Opener{Options: awslambda.Options{Limiters: limiters}}.Open(t.Context(), reconcile.OpenRequest{Ambient: true})
	if err != nil {
		t.Fatal(err)
	}
	r := &reconcile.RunResult{Opened: opened, Fleet: desired.Fleet{Targets: []desired.TargetSpec{{Target: opened.Ambient}}}}
	for arn := range arns {
		r.Fleet.Targets[0].Entries = append(r.Fleet.Targets[0].Entries, desired.Entry{
			Name: desired.Name{Function: arn, Qualifier: desired.Latest}, Want: &desired.Config{desired.OnFailure: desired.Text(arn)}, Origins: &desired.Origins{},
		})
	}
	learnt := Annotator{}.Annotate(t.Context(), r)
	if len(learnt.Unavailable) > 0 {
		t.Errorf("not learnt: %+v", learnt.Unavailable)
	}
	r.Insights = learnt
	return states(r)
}
