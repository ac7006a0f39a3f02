package logtime_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/logtime"
)

func now() time.Time { return time.Date(2017, 3, 13, 12, 0, 0, 0, time.UTC) }

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"2017-03-13 09:58:41.207":              "2017-03-13T09:58:41.207Z",
		"2017-03-13T09:58:41Z":                 "2017-03-13T09:58:41Z",
		"2017-03-13_09:57:11.84304":            "2017-03-13T09:57:11.84304Z",
		"2017-03-13 08:14:09.417+0000":         "2017-03-13T08:14:09.417Z",
		"2017-03-13 08:14:09 +02:00":           "2017-03-13T06:14:09Z",
		"2017-03-13 08:14:09,081":              "2017-03-13T08:14:09.081Z",
		"2017-03-13 Mon 17:50:37:633.908 UTC":  "2017-03-13T17:50:37.633908Z",
		"2017-03-13 Mon 17:50:37:633.908 CEST": "2017-03-13T15:50:37.633908Z",
		"2017/03/13 08:14:09":                  "2017-03-13T08:14:09Z",
		"Mar 13 09:01:02":                      "2017-03-13T09:01:02Z",
		"Mar  3 09:01:02":                      "2017-03-03T09:01:02Z",
		"Dec 31 23:59:59":                      "2016-12-31T23:59:59Z",
		"Feb 29 23:59:59":                      "2016-02-29T23:59:59Z",
		"Mon Mar 13 10:00:00.123456 2017":      "2017-03-13T10:00:00.123456Z",
		"Mon, 13 Mar 2017 10:00:00 GMT":        "2017-03-13T10:00:00Z",
		"13/Mar/2017:11:40:00 +0200":           "2017-03-13T09:40:00Z",
		"13-Mar-2017::05:06:07":                "2017-03-13T05:06:07Z",
		"3-Mar-2017::05:06:07":                 "2017-03-03T05:06:07Z",
		"13 Mar 06:35:14.648":                  "2017-03-13T06:35:14.648Z",
		"13 Mar 2017 06:35:14.648":             "2017-03-13T06:35:14.648Z",
		"03/13/2017 03:40:47 AM":               "2017-03-13T03:40:47Z",
		"03/13/2017 12:40:47 AM":               "2017-03-13T00:40:47Z",
		"March/13/2017 03:40:47 PM":            "2017-03-13T15:40:47Z",
		"Mar 13 2017 03:40:47 PM":              "2017-03-13T15:40:47Z",
		"170313  9:58:41":                      "2017-03-13T09:58:41Z",
		"0313 10:00:01.123456":                 "2017-03-13T10:00:01.123456Z",
		"1489386914":                           "2017-03-13T06:35:14Z",
		"1489386914.25":                        "2017-03-13T06:35:14.25Z",
		"1489386914250":                        "2017-03-13T06:35:14.25Z",
		"1489386914250000000":                  "2017-03-13T06:35:14.25Z",
		"2016-02-29 00:00:00":                  "2016-02-29T00:00:00Z",
		"1969-12-31 23:59:59":                  "1969-12-31T23:59:59Z",
	} {
		got, ok := logtime.Parse(text, now, nil)
		require.True(t, ok, text)
		require.Equal(t, want, time.Unix(0, got.NS).UTC().Format(time.RFC3339Nano), text)
	}
}

func TestParseZone(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	require.NoError(t, err)
	got, ok := logtime.Parse("2017-07-01 12:00:00", now, paris)
	require.True(t, ok)
	require.False(t, got.Offset)
	require.Equal(t, "2017-07-01T10:00:00Z", time.Unix(0, got.NS).UTC().Format(time.RFC3339))
	got, ok = logtime.Parse("2017-07-01T12:00:00Z", now, paris)
	require.True(t, ok)
	require.True(t, got.Offset, "an offset in the text wins over the zone")
	require.Equal(t, "2017-07-01T12:00:00Z", time.Unix(0, got.NS).UTC().Format(time.RFC3339))
}

func TestParseYear(t *testing.T) {
	newYear := time.Date(2018, 1, 1, 0, 0, 10, 0, time.UTC)
	got, ok := logtime.Parse("Dec 31 23:59:59", func() time.Time { return newYear }, nil)
	require.True(t, ok)
	require.Equal(t, 2017, time.Unix(0, got.NS).UTC().Year())
	got, ok = logtime.Parse("Jan  1 00:00:05", func() time.Time { return newYear.Add(-20 * time.Second) }, nil)
	require.True(t, ok)
	require.Equal(t, 2018, time.Unix(0, got.NS).UTC().Year(), "a clock a little ahead is in the new year")
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"", "x", "2017-13-01 00:00:00", "2017-03-32 00:00:00", "2017-03-13 24:00:00", "2017-03-13 10:60:00", "2017-03-13 10:00:00 junk", "Foo 13 10:00:00", "12", "2017-03-13"} {
		_, ok := logtime.Parse(text, now, nil)
		require.False(t, ok, text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("2017-03-13 09:58:41.207+0200")
	f.Add("2017-03-13T09:58:41,1234567891")
	f.Add("2017-02-29 24:58:61.")
	f.Add("Mar 13 09:01:02")
	f.Add("13/Mar/2017:11:40:00 +0200")
	f.Fuzz(func(t *testing.T, s string) {
		a, ok := logtime.Parse(s, now, nil)
		b, again := logtime.Parse(s, now, time.UTC)
		require.Equal(t, ok, again)
		require.Equal(t, a, b)
		b, again = logtime.Parse(" "+s, now, nil) // the general way, with any shape
		require.Equal(t, ok, again)
		require.Equal(t, a, b)
	})
}

func BenchmarkParse(b *testing.B) {
	for name, text := range map[string]string{"iso": "2017-03-13 09:58:41.207", "syslog": "Mar 13 09:01:02", "clf": "13/Mar/2017:11:40:00 +0200"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				logtime.Parse(text, now, nil)
			}
		})
	}
}
