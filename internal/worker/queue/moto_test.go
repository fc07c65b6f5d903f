package queue

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// patience is how long a test waits for what must happen. It only passes when
// something is broken.
const patience = 20 * time.Second

// moto is an SQS server that others wrote, one for all tests of the package.
var moto struct {
	once    sync.Once
	stop    func()
	address string
	reason  string // why there is none
}

func TestMain(m *testing.M) {
	code := m.Run()
	if moto.stop != nil {
		moto.stop()
	}
	os.Exit(code)
}

// startMoto makes sure that the server runs, and points the SDK at it.
func startMoto(t *testing.T) *sqs.Client {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a server; run without -short")
	}
	moto.once.Do(launch)
	if moto.reason != "" {
		t.Skip(moto.reason)
	}
	t.Setenv("AWS_ENDPOINT_URL", moto.address)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "example")
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return sqs.NewFromConfig(cfg)
}

func launch() {
	program, err := exec.LookPath("moto_server")
	if err != nil {
		moto.reason = "moto_server is not on the PATH: pip install 'moto[server]'"
		return
	}
	server := exec.Command(program, "-H", "127.0.0.1", "-p", "0")
	stderr, err := server.StderrPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		moto.reason = "moto_server does not start: " + err.Error()
		return
	}
	moto.stop = func() {
		server.Process.Kill()
		server.Wait() // killed: its error says no more
	}
	moto.address, moto.reason = addressOf(stderr)
}

var running = regexp.MustCompile(`Running on (http://127\.0\.0\.1:\d+)`)

// addressOf reads where the server listens, or why it does not, and goes on
// reading so that the server never waits for us.
func addressOf(stderr io.Reader) (address, reason string) {
	found := make(chan string, 1)
	go func() {
		defer close(found)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if m := running.FindStringSubmatch(lines.Text()); m != nil {
				found <- m[1]
				io.Copy(io.Discard, stderr)
				return
			}
		}
	}()
	select {
	case address, ok := <-found:
		if !ok {
			return "", "moto_server ended before it listened: pip install 'moto[server]'"
		}
		return address, ""
	case <-time.After(patience):
		return "", "moto_server did not say where it listens"
	}
}

var queues atomic.Int32 // made so far

// makeQueue makes a queue with a dead-letter queue behind it, and returns both.
func makeQueue(t *testing.T, client *sqs.Client, name string) (queue, dead string) {
	t.Helper()
	make := func(name string, attributes map[string]string) string {
		out, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
		if err != nil {
			t.Fatal(err)
		}
		return *out.QueueUrl
	}
	// The server outlives a test, which may be run again.
	name = fmt.Sprint(name, "-", queues.Add(1))
	dead = make(name+"-dead", nil)
	queue = make(name, map[string]string{
		"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:123456789012:` + name + `-dead","maxReceiveCount":"2"}`,
	})
	return queue, dead
}

func send(t *testing.T, client *sqs.Client, queue, body string) {
	t.Helper()
	if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &body}); err != nil {
		t.Fatal(err)
	}
}

// depth is how many messages a queue has: visible, and in somebody's hands.
func depth(t *testing.T, client *sqs.Client, queue string) (visible, inFlight string) {
	t.Helper()
	out, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &queue, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes["ApproximateNumberOfMessages"], out.Attributes["ApproximateNumberOfMessagesNotVisible"]
}

// wantEmpty fails unless a queue holds nothing at all.
func wantEmpty(t *testing.T, client *sqs.Client, queue string) {
	t.Helper()
	if visible, inFlight := depth(t, client, queue); visible != "0" || inFlight != "0" {
		t.Errorf("the queue holds %s visible messages and %s in flight, want none", visible, inFlight)
	}
}
