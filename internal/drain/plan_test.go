// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// guest is one on the node a.
func guest(status, state, task string) Guest {
	return Guest{ID: "7", Name: "g", Host: "a", Status: status, State: state, Task: task}
}

func at(host string, g Guest) Guest {
	g.Host = host
	return g
}

func unconfirmed(from string, resize bool, g Guest) Guest {
	g.Unconfirmed = Unconfirmed{From: from, Resize: resize}
	return g
}

// short is a move as one word, or as what it waits for or stays for.
func short(m move) string {
	switch {
	case m.Done:
		return "done"
	case m.Wait != "":
		return "wait for " + m.Wait
	case m.Stays != "":
		return "stays: " + m.Stays
	}
	return string(m.How)
}

func TestLeave(t *testing.T) {
	live := map[How]string{Live: "no"}
	for _, tt := range []struct {
		name   string
		guest  Guest
		failed map[How]string
		stop   bool
		want   string // its beginning
		hint   string // part of it
	}{
		{name: "running", guest: guest("ACTIVE", "active", ""), want: "live migration"},
		{name: "paused", guest: guest("PAUSED", "paused", ""), want: "live migration"},
		{name: "stopped", guest: guest("SHUTOFF", "stopped", ""), want: "cold migration"},
		{name: "running, and failed", guest: guest("ACTIVE", "active", ""), failed: live,
			want: "stays: live migration failed: no", hint: "--stop"},
		{name: "running, failed, and may stop", guest: guest("ACTIVE", "active", ""), failed: live, stop: true,
			want: "cold migration"},
		{name: "running, failed both ways", guest: guest("ACTIVE", "active", ""), stop: true,
			failed: map[How]string{Live: "no", Cold: "nor this"},
			want:   "stays: live migration failed: no; cold migration failed: nor this"},
		{name: "running, may stop", guest: guest("ACTIVE", "active", ""), stop: true, want: "live migration"},
		{name: "paused, failed, may stop", guest: guest("PAUSED", "paused", ""), failed: live, stop: true,
			want: "stays: live migration failed: no"},
		{name: "on its way", guest: guest("MIGRATING", "active", "migrating"), want: "wait for the task migrating"},
		{name: "arriving", guest: at("b", guest("RESIZE", "active", "resize_finish")),
			want: "wait for the task resize_finish"},
		{name: "being imaged", guest: guest("ACTIVE", "active", "image_uploading"),
			want: "wait for the task image_uploading"},
		{name: "being made", guest: guest("BUILD", "building", "spawning"), want: "wait for the task spawning"},
		{name: "about to be made", guest: guest("BUILD", "building", ""), want: "wait for the end of its making"},
		{name: "elsewhere", guest: at("b", guest("ACTIVE", "active", "")), want: "done"},
		{name: "busy elsewhere", guest: at("b", guest("REBOOT", "active", "rebooting")), want: "done"},
		{name: "migrated from here", guest: unconfirmed("a", false, at("b", guest("VERIFY_RESIZE", "resized", ""))),
			want: "confirmation of its migration"},
		{name: "migrated to here", guest: unconfirmed("b", false, guest("VERIFY_RESIZE", "resized", "")),
			want: "confirmation of its migration"},
		{name: "confirmation failed", guest: unconfirmed("b", false, guest("VERIFY_RESIZE", "resized", "")),
			failed: map[How]string{Confirm: "no"}, want: "stays: the confirmation of its migration failed: no"},
		{name: "migrated elsewhere", guest: unconfirmed("c", false, at("b", guest("VERIFY_RESIZE", "resized", ""))),
			want: "done"},
		{name: "being confirmed", guest: guest("VERIFY_RESIZE", "resized", ""), want: "wait for the end of its migration"},
		{name: "resized here", guest: unconfirmed("b", true, guest("VERIFY_RESIZE", "resized", "")),
			want: "stays: its resize has been neither confirmed nor reverted", hint: "openstack server resize revert 7"},
		{name: "resized from here", guest: unconfirmed("a", true, at("b", guest("VERIFY_RESIZE", "resized", ""))),
			want: "stays: its resize has been neither confirmed nor reverted, so its former disk is still on the node"},
		{name: "suspended", guest: guest("SUSPENDED", "suspended", ""), want: "stays: it is suspended",
			hint: "openstack server resume 7"},
		{name: "rescue", guest: guest("RESCUE", "rescued", ""), want: "stays: it is being rescued", hint: "unrescue 7"},
		{name: "failed", guest: guest("ERROR", "error", ""), stop: true, want: "stays: it is in state ERROR",
			hint: "reboot --hard 7"},
		{name: "shelved", guest: guest("SHELVED", "shelved", ""), want: "offloading to its image"},
		{name: "offloaded", guest: at("", guest("SHELVED_OFFLOADED", "shelved_offloaded", "")), want: "done"},
		{name: "unknown", guest: guest("SOFT_DELETED", "soft-delete", ""), want: "stays: it is in state SOFT_DELETED"},
	} {
		m := leave(tt.guest, "a", tt.failed, tt.stop)
		if got := short(m); !strings.HasPrefix(got, tt.want) || !strings.Contains(m.Hint, tt.hint) {
			t.Errorf("%s: %q with hint %q, want %q with %q", tt.name, got, m.Hint, tt.want, tt.hint)
		}
	}
}

func TestRevive(t *testing.T) {
	evacuating := guest("REBUILD", "active", "rebuilding")
	evacuating.Evacuating = true
	for _, tt := range []struct {
		name   string
		guest  Guest
		failed map[How]string
		want   string
		hint   string
	}{
		{name: "running", guest: guest("ACTIVE", "active", ""), want: "evacuation"},
		{name: "stopped", guest: guest("SHUTOFF", "stopped", ""), want: "evacuation"},
		{name: "failed", guest: guest("ERROR", "error", ""), want: "evacuation"},
		{name: "its live migration was under way", guest: guest("MIGRATING", "active", "migrating"), want: "evacuation"},
		{name: "its owner's rebuild was under way", guest: guest("REBUILD", "active", "rebuilding"), want: "evacuation"},
		{name: "an earlier run's evacuation is under way", guest: evacuating, want: "wait for the evacuation"},
		{name: "evacuation ends elsewhere", guest: at("b", evacuating), want: "wait for the evacuation"},
		{name: "evacuation failed", guest: guest("ERROR", "error", ""), failed: map[How]string{Revive: "no"},
			want: "stays: its evacuation failed: no"},
		{name: "evacuated", guest: at("b", guest("ACTIVE", "active", "")), want: "done"},
		{name: "paused", guest: guest("PAUSED", "paused", ""), want: "stays: it was paused", hint: "--state error 7"},
		{name: "suspended", guest: guest("SUSPENDED", "suspended", ""),
			want: "stays: it was suspended", hint: "--state error 7"},
		{name: "shelved", guest: guest("SHELVED", "shelved", ""), want: "stays: it was shelved"},
		{name: "migrated from here", guest: unconfirmed("a", false, at("b", guest("VERIFY_RESIZE", "resized", ""))),
			want: "stays: it is on node b"},
	} {
		m := revive(tt.guest, "a", tt.failed)
		if got := short(m); !strings.HasPrefix(got, tt.want) || !strings.Contains(m.Hint, tt.hint) {
			t.Errorf("%s: %q with hint %q, want %q with %q", tt.name, got, m.Hint, tt.want, tt.hint)
		}
	}
}

// What is quick, or frees room, comes first.
func TestPlan(t *testing.T) {
	var guests []Guest
	for name, status := range map[string]string{"web": "ACTIVE", "db": "ACTIVE", "old": "SHUTOFF", "gone": "SHELVED",
		"moved": "VERIFY_RESIZE", "asleep": "SUSPENDED"} {
		g := guest(status, "", "")
		g.Name = name
		if status == "VERIFY_RESIZE" {
			g.Unconfirmed.From = "b"
		}
		guests = append(guests, g)
	}
	var got []string
	for _, m := range plan(guests, func(g Guest) move { return leave(g, "a", nil, false) }) {
		got = append(got, m.Guest.Name+": "+short(m))
	}
	want := []string{"moved: confirmation of its migration", "gone: offloading to its image", "old: cold migration",
		"db: live migration", "web: live migration", "asleep: stays: it is suspended, and Nova moves no such guest"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
