#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes dist/ of the commit that is checked out: an archive for each system, their
# checksums, and what they are made of. "make release" calls it.
set -euo pipefail
: "${PLATFORMS:?}" "${LDFLAGS:?}" "${GO:=go}"
if [ -z "${VERSION:-}" ]; then
	echo "error: this commit has no tag" >&2
	echo "hint: git tag v0.1.0, or VERSION=v0.1.0-rc1 make release to try it" >&2
	exit 1
fi
if [ -n "$(git status --porcelain --untracked-files=no)" ]; then
	echo "error: there are changes that are not committed" >&2
	exit 1
fi
export CGO_ENABLED=0
# Archives of the same commit are the same.
when=$(git log -1 --format=%cI)
rm -rf dist && mkdir dist
pack() { # name, files
	local name=$1
	shift
	tar --create --sort=name --mtime="$when" --owner=0 --group=0 --numeric-owner -C "dist/$name" "$@" | gzip -9n >"dist/$name.tar.gz"
	rm -r "dist/${name:?}"
}
for platform in $PLATFORMS; do
	os=${platform%/*} arch=${platform#*/}
	name=macaw_${VERSION#v}_${os}_${arch}
	suffix=
	[ "$os" = windows ] && suffix=.exe
	mkdir "dist/$name"
	GOOS=$os GOARCH=$arch $GO build -trimpath -ldflags "$LDFLAGS" -o "dist/$name/macaw$suffix" ./cmd/macaw
	cp README.md LICENSE CHANGELOG.md "dist/$name"
	pack "$name" .
done
name=macaw-lab_${VERSION#v}_linux_amd64
mkdir "dist/$name"
GOOS=linux GOARCH=amd64 $GO build -trimpath -ldflags "$LDFLAGS" -o "dist/$name/macaw-lab" ./lab/cmd/macaw-lab
cp LICENSE "dist/$name"
cp lab/README.md lab/fidelity.md "dist/$name"
pack "$name" .
$GO run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.9.0 mod -licenses -json -output "dist/macaw_${VERSION#v}.cdx.json" .
(cd dist && sha256sum -- * >SHA256SUMS)
ls -l dist
