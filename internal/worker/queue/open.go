package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/logging"

	"github.com/eventinvoke/eventinvoke/internal/worker"
)

// Options are what a queue is opened with.
type Options struct {
	URL      string
	Version  string // of the program, for the user agent
	Wake     func(worker.Wake)
	Log      *slog.Logger // nil logs nothing
	Recorder Recorder     // nil records nothing

	// Wait is how long one request waits for messages: DefaultWait when 0.
	Wait time.Duration
	// Visibility is how long a message stays invisible unless it is renewed:
	// DefaultVisibility when 0. It is also the pause before a failed message
	// comes again.
	Visibility time.Duration
}

// Twenty seconds is the longest that ReceiveMessage waits. A minute of
// invisibility is renewed three times before it would end.
const (
	DefaultWait       = 20 * time.Second
	DefaultVisibility = time.Minute
)

// Fate is what became of a message.
type Fate uint8

// The fates.
const (
	Handled    Fate = iota // its pass succeeded; deleted
	Failed                 // its pass failed; it comes again
	Echo                   // nothing but our own writes; deleted
	Duplicate              // handled before; deleted
	Unneeded               // nothing to look at; deleted
	Unreadable             // left to the queue's redrive policy
	Returned               // the worker stopped; given back
)

var fateNames = [...]string{"handled", "failed", "echo", "duplicate", "unneeded", "unreadable", "returned"}

// Fates lists all fates.
func Fates() []Fate { return []Fate{Handled, Failed, Echo, Duplicate, Unneeded, Unreadable, Returned} }

// String is the fate as metrics spell it.
func (f Fate) String() string {
	if int(f) < len(fateNames) {
		return fateNames[f]
	}
	return "unknown"
}

// Recorder is told what becomes of messages. Its methods must not block.
type Recorder interface {
	Message(fate string)
	QueueFailed(operation string) // a request to SQS failed after its retries
}

// Queue is an open queue. Make one with Open and call Run once.
type Queue struct {
	o      Options
	client *sqs.Client
	held   held
	seen   *seen
}

// Open reads the AWS settings of the environment. It makes no call.
func Open(ctx context.Context, o Options) (*Queue, error) {
	region, err := regionOf(o.URL)
	if err != nil {
		return nil, err
	}
	if o.Wake == nil {
		return nil, errors.New("queue.Open: Options.Wake is required")
	}
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithAppID("eventinvoke/"+o.Version),
		config.WithLogger(logging.Nop{}), // the SDK would write to standard error
	)
	if err != nil {
		return nil, fmt.Errorf("the AWS configuration cannot be used for the queue: %w; check AWS_PROFILE and ~/.aws/config", err)
	}
	if cfg.Region = cmp.Or(region, cfg.Region); cfg.Region == "" {
		return nil, fmt.Errorf("the queue URL %q names no region: set AWS_REGION", o.URL)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Recorder == nil {
		o.Recorder = deaf{}
	}
	o.Wait, o.Visibility = cmp.Or(o.Wait, DefaultWait), cmp.Or(o.Visibility, DefaultVisibility)
	return &Queue{o: o, client: sqs.NewFromConfig(cfg), held: newHeld(), seen: newSeen(maxSeen)}, nil
}

type deaf struct{}

func (deaf) Message(string)     {}
func (deaf) QueueFailed(string) {}

// queuePath is the path of a queue URL in AWS.
var queuePath = regexp.MustCompile(`^/([0-9]{12})/([a-zA-Z0-9_-]{1,80}(?:\.fifo)?)$`)

// Identify is the region, account and name of the queue that a URL of AWS's own
// names: the parts of the queue's ARN.
func Identify(queueURL string) (region, account, name string, err error) {
	if region, err = regionOf(queueURL); err != nil {
		return "", "", "", err
	}
	u, err := url.Parse(queueURL)
	if err != nil {
		return "", "", "", err
	}
	path := queuePath.FindStringSubmatch(u.Path)
	if region == "" || path == nil {
		return "", "", "", fmt.Errorf("%q does not say which queue it is in AWS; write its own URL, https://sqs.REGION.amazonaws.com/ACCOUNT/NAME", queueURL)
	}
	return region, path[1], path[2], nil
}

// queueHost is the host of a queue URL in AWS: sqs.REGION.amazonaws.com, also
// with the suffix of another partition.
var queueHost = regexp.MustCompile(`^sqs(?:-fips)?\.([a-z0-9-]+)\.`)

// regionOf is the region that a queue URL names; "" for a host that is not
// AWS's own, such as a private endpoint.
func regionOf(queueURL string) (string, error) {
	u, err := url.Parse(queueURL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || len(u.Path) < 2 {
		return "", fmt.Errorf("%q is not the URL of a queue; write https://sqs.REGION.amazonaws.com/ACCOUNT/NAME", queueURL)
	}
	if m := queueHost.FindStringSubmatch(u.Hostname()); m != nil {
		return m[1], nil
	}
	return "", nil
}
