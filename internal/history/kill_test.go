package history

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// childFolder is how the test below tells its child where to write.
const childFolder = "EVENTINVOKE_TEST_JOURNAL_FOLDER"

// TestKilledProcessKeepsEveryIntent kills a child that writes a journal, and
// holds that each intent which the child was told is stored is there.
func TestKilledProcessKeepsEveryIntent(t *testing.T) {
	if folder := os.Getenv(childFolder); folder != "" {
		writeUntilKilled(t, folder)
		return
	}
	for kill := range 10 {
		folder := t.TempDir()
		child := exec.Command(os.Args[0], "-test.run=^TestKilledProcessKeepsEveryIntent$")
		child.Env = append(os.Environ(), childFolder+"="+folder)
		out, err := child.StdoutPipe()
		if err == nil {
			err = child.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]bool{}
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			told[lines.Text()] = true
			if len(told) == 1+kill*7 { // the rest of the pipe was told as well
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
		if err := child.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		undos, err := New(openDir(t, folder)).Traces(t.Context(), "killed")
		if err != nil {
			t.Fatalf("after %d intents: %v", len(told), err)
		}
		for _, u := range undos {
			delete(told, u.Key.String())
		}
		if len(told) != 0 {
			t.Errorf("the child was told that these are stored, and they are not: %v", told)
		}
	}
}

// writeUntilKilled prints every key whose intent is stored.
func writeUntilKilled(t *testing.T, folder string) {
	run := begin(t, openDir(t, folder), "killed")
	keys := make(chan string)
	for writer := range 8 {
		go func() {
			for i := writer; ; i += 8 {
				change := create(testKey(i), retries(0))
				if err := run.Journal().Intend(t.Context(), testKey(i), change); err != nil {
					return
				}
				keys <- testKey(i).String()
				run.Journal().Settle(testKey(i), applied(change, new(holding(0))))
			}
		}()
	}
	for key := range keys {
		if _, err := fmt.Println(key); err != nil {
			return // nobody listens
		}
	}
}
