// SPDX-License-Identifier: Apache-2.0

package translate_test

import (
	"fmt"
	"log"
	"net/netip"

	"macaw.example/internal/model"
	"macaw.example/internal/translate"
)

// A provider NIC, one floating IP behind it, and what became of its frames. It needs
// root, and a NIC eth1 that nothing else uses.
func Example() {
	t, err := translate.Attach(translate.Config{
		NICs:   []translate.NIC{{Name: "eth1"}},
		Subnet: netip.MustParsePrefix("10.0.1.0/24"),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close() // the programs stay; translate.Detach removes them
	router, err := model.ParseMAC("fa:16:3e:00:00:01")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := t.Sync([]translate.Entry{{Addr: netip.MustParseAddr("10.0.1.65"), MAC: router}}); err != nil {
		log.Fatal(err)
	}
	counters, err := t.Counters()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(counters[translate.OutUnregisteredIPv4].Packets, "packets that AWS would drop")
}
