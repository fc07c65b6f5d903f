// Package browsertest looks at our pages in a real Chromium: the HTML report and the
// status page load without an error and ask nobody for anything, can be used by
// keyboard, have labels and contrast, filter, and follow a run. It holds tests only,
// in a module of its own, so that nothing of it is the program's.
//
// Without Chromium the tests skip, and say so. EVENTINVOKE_SCREENSHOTS names a folder
// for a picture of each page: on a phone and a desktop, light and dark.
package browsertest
