package main

import (
	"bufio"
	"io"
	"os/exec"
	"regexp"
	"testing"
	"time"
)

// startMoto starts moto, an AWS that somebody else wrote, or skips the test.
func startMoto(t *testing.T) (endpoint string) {
	t.Helper()
	program, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("no S3 and SQS server to test with: install moto (pip install 'moto[s3,sqs,server]')")
	}
	server := exec.Command(program, "-H", "127.0.0.1", "-p", "0")
	log, err := server.StderrPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		t.Skipf("%s does not start: %v", program, err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	stop := time.AfterFunc(time.Minute, func() { _ = server.Process.Kill() })
	defer stop.Stop()
	address := regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+`)
	for lines := bufio.NewScanner(log); endpoint == ""; endpoint = address.FindString(lines.Text()) {
		if !lines.Scan() {
			t.Skipf("%s ended before it said on which port it listens", program)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, log) }() // it writes a line for each request
	return endpoint
}
