#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# luks: create, read, write, resize, slots, detached headers; what is said when something is wrong;
# secrets in all their forms.
. "${top_srcdir:-.}/tests/cli/lib.sh"
needs encryption
plan

opts=driver=luks,key-secret=s,file.filename
head -c 3000000 /dev/urandom >src.raw
truncate -s 4M src.raw
printf 'pass word' >pass
pass="--object secret,id=s,file=pass"
new="-f luks -o key-secret=s,iter-time=1"

# shellcheck disable=SC2086 # $pass and $new are words
{
run_ok "create" img-create $pass $new a.luks 4M
like "$out" "^Formatting 'a.luks', fmt=luks size=4194304 key-secret=s iter-time=1$" "what it says"
run_ok "info needs no secret" img-info --output=json a.luks
like "$out" '"cipher-alg": "aes-256"' "its cipher"
like "$out" '"encrypted": true' "it is encrypted"
run_ok "zeroes are data" img-convert -n $pass src.raw --target-image-opts $opts=a.luks
run_ok "and come back" img-compare $pass --image-opts $opts=a.luks driver=raw,file.filename=src.raw
run_ok "convert to a new one" img-convert $pass -O luks -o key-secret=s,iter-time=1 src.raw b.luks
run_ok "it is the same" img-compare $pass --image-opts $opts=a.luks $opts=b.luks
ok "but not its bytes" sh -c '! cmp -s a.luks b.luks'
run_ok "with many workers" env BLKIMG_DEBUG=workers=4 img-convert $pass --image-opts $opts=b.luks c.raw
ok "the same bytes" cmp src.raw c.raw
run_ok "and from it to it" img-convert $pass --image-opts $opts=b.luks -O luks \
  -o key-secret=s,iter-time=1,cipher-alg=serpent-256,cipher-mode=cbc,ivgen-alg=essiv d.luks
run_ok "the same again" img-compare $pass --image-opts $opts=d.luks $opts=b.luks
run_ok "measure" img-measure -O luks -o key-secret=s --output=json --size 4M
is "$(printf '%s\n' "$out" | sed -n 's/.*"required": \([0-9]*\).*/\1/p')" "$(stat -c %s a.luks)" \
  "is what it takes"

# Odd sizes: the last sector is whole.
run_ok "1000 bytes" img-create $pass $new odd.luks 1000
head -c 1024 src.raw >odd.raw
run_ok "written" img-convert -n $pass -f raw odd.raw --target-image-opts $opts=odd.luks
run_ok "and read" img-compare $pass --image-opts $opts=odd.luks driver=raw,file.filename=odd.raw

# Resized: nothing that was there changes.
cp a.luks r.luks
run_ok "larger" img-resize $pass --image-opts $opts=r.luks 6M
is "$(stat -c %s r.luks)" $((2068480 + 6291456)) "by so much"
run_ok "and smaller" img-resize $pass --shrink --image-opts $opts=r.luks 4M
run_ok "the same data" img-compare $pass --image-opts $opts=r.luks driver=raw,file.filename=src.raw
# What is committed into it from a larger image finds zeroes there.
run_ok "an overlay" img-create -q -u -f qcow2 -b r.luks -F luks over.qcow2 5M
run_ok "committed" img-commit $pass --image-opts driver=qcow2,file.filename=over.qcow2,backing.key-secret=s
cp src.raw grown.raw
truncate -s 5M grown.raw
run_ok "zeroes" img-compare $pass --image-opts $opts=r.luks driver=raw,file.filename=grown.raw

# What is wrong is one line.
run_fails "no secret" 1 img-convert a.luks x.raw
is "$err" "img-convert: a.luks: Parameter 'key-secret' is required for cipher" "it says which option"
run_fails "no such secret" 1 img-convert --image-opts $opts=a.luks x.raw
like "$err" "No secret with id 's'" "it names it"
run_fails "a wrong one" 1 img-convert --object secret,id=s,data=password --image-opts $opts=a.luks x.raw
like "$err" 'Invalid password, cannot unlock any keyslot$' "it says so"
unlike "$err" 'password"\|data=' "and does not repeat it"
ok "nothing was made" test ! -e x.raw
run_fails "create without" 1 img-create -f luks x.luks 1M
run_fails "impossible combination" 1 img-create $pass $new,cipher-alg=cast5-128 x.luks 1M
like "$err" "cipher 'cast5-128' in mode 'xts' is not supported" "said"
run_fails "essiv with a hash of no fitting length" 1 \
  img-create $pass $new,ivgen-alg=essiv,ivgen-hash-alg=sha1 x.luks 1M
run_fails "no iteration time" 1 img-create $pass -f luks -o key-secret=s,iter-time=0 x.luks 1M
ok "no file is left" test ! -e x.luks
cp a.luks bad.luks
printf '\377\377\377\377' | dd of=bad.luks bs=1 seek=212 conv=notrunc 2>/dev/null
run_fails "too many iterations" 1 img-info bad.luks
like "$err" 'key slot 0 has 4294967295 iterations, more than' "said"
# Slots that any of many passphrases may open: 100 million iterations each, or only the first ones.
slow () { # FILE LAST
  for at in $(seq 208 48 "$2"); do
    printf '\000\254\161\363\005\365\341\000' | dd of="$1" bs=1 seek="$at" conv=notrunc 2>/dev/null
  done
}
cp a.luks bad.luks
slow bad.luks 544
run_fails "all slots slow" 1 timeout 20 img-info bad.luks
like "$err" 'bad.luks: the key slot asks for more work than is allowed$' "said"
# What opens is found behind two slots of 25 seconds each, which need not be tried.
cp a.luks late.luks
dd if=a.luks of=late.luks bs=1 skip=208 seek=544 count=40 conv=notrunc 2>/dev/null
dd if=a.luks of=late.luks bs=512 skip=8 seek=3536 count=500 conv=notrunc 2>/dev/null
slow late.luks 256
run_ok "a late slot" timeout 20 img-compare $pass --image-opts $opts=late.luks $opts=a.luks
head -c 300000 a.luks >cut.luks
run_fails "cut off" 1 img-convert $pass --image-opts $opts=cut.luks x.raw

# Detached headers.
run_ok "a header alone" img-create $pass $new,detached-header=on h.luks 0
is "$(stat -c %s h.luks)" 2068480 "no larger than that"
truncate -s 4M data
run_ok "data elsewhere" img-convert -n $pass src.raw \
  --target-image-opts "$opts=data,header.filename=h.luks"
run_ok "and back" img-compare $pass --image-opts "$opts=data,header.filename=h.luks" \
  driver=raw,file.filename=src.raw
is "$(stat -c %s data)" 4194304 "nothing else in there"
run_ok "info of both" img-info --output=json --image-opts "driver=luks,file.filename=data,header.filename=h.luks"
like "$out" '"detached-header": true' "it says so"
run_fails "a header is no disk" 1 img-info h.luks
like "$err" "option 'header'" "said"

# Secrets.
b64=$(base64 <pass)
for secret in "data=pass word" "data=$b64,format=base64" '{"qom-type":"secret","id":"s","data":"pass word"}'; do
  case $secret in
    '{'*) have JSON "secret as $secret" || continue; object=$secret ;;
    *) object=secret,id=s,$secret ;;
  esac
  run_ok "secret as $secret" img-compare --object "$object" --image-opts $opts=a.luks $opts=b.luks
done
}
# Wrapped: openssl enc -aes-256-cbc -K 000102..1f -iv 00112233445566778899aabbccddeeff of "pass word".
key=$(printf '\000\001\002\003\004\005\006\007\010\011\012\013\014\015\016\017\020\021\022\023\024\025\026\027\030\031\032\033\034\035\036\037' | base64)
iv=ABEiM0RVZneImaq7zN3u/w==
wrapped=LXlaM/P/jGqC1BJ18Un8Lg==
# shellcheck disable=SC2086
{
run_ok "wrapped" img-compare --object "secret,id=k,data=$key,format=base64" \
  --object "secret,id=s,data=$wrapped,format=base64,keyid=k,iv=$iv" --image-opts $opts=a.luks $opts=b.luks
}
refuse () {
  refuse_name=$1
  shift
  run_fails "$refuse_name" 64 img-info "$@" a.luks
  unlike "$err" SESAME "no secret in the message"
}
refuse "wrapped with a wrong IV" --object "secret,id=k,data=$key,format=base64" \
  --object "secret,id=s,data=$wrapped,format=base64,keyid=k,iv=AAAAAAAAAAAAAAAAAAAAAA=="
refuse "with an unknown key" --object "secret,id=s,data=SESAME,keyid=k,iv=$iv"
refuse "with a key of no length" --object secret,id=k,data=SESAME --object "secret,id=s,data=x,keyid=k,iv=$iv"
refuse "without IV" --object "secret,id=k,data=$key,format=base64" --object secret,id=s,data=SESAME,keyid=k
refuse "no base64" --object "secret,id=s,data=SESAME!!,format=base64"
refuse "data and file" --object secret,id=s,data=SESAME,file=pass
refuse "neither" --object secret,id=s
refuse "no such file" --object secret,id=s,file=no-such
refuse "twice" --object secret,id=s,data=SESAME --object secret,id=s,data=SESAME
refuse "unknown property" --object secret,id=s,data=SESAME,datum=SESAME2
refuse "no id" --object secret,data=SESAME
refuse "bad id" --object secret,id=1s,data=SESAME
refuse "bad JSON" --object '{"qom-type":"secret","id":"s","data":"SESAME'
refuse "no such key" --object secret_keyring,id=s,serial=2147483647

# The kernel's key store, where it lets us have a key.
if ! command -v keyctl >/dev/null 2>&1 && [ "${CI:-}" = true ]; then
  fail "keyctl is missing, which CI must have"
elif ! keyctl session - keyctl show >/dev/null 2>&1; then
  skip "a key of the kernel" "no keyctl, or the kernel lets us have no session"
else
  cat >keyring.sh <<'END'
serial=$(printf 'pass word' | keyctl padd user "blkimg-$$" @s) &&
  img-compare --object "secret_keyring,id=s,serial=$serial" --image-opts "$1=a.luks" "$1=b.luks" &&
  wrapped=$(printf %s "$3" | base64 -d | keyctl padd user "blkimg-w$$" @s) &&
  img-compare --object "secret,id=k,data=$2,format=base64" \
    --object "secret_keyring,id=s,serial=$wrapped,keyid=k,iv=$4" --image-opts "$1=a.luks" "$1=b.luks"
END
  run_ok "a key of the kernel, plain and wrapped" \
    keyctl session - sh keyring.sh "$opts" "$key" "$wrapped" "$iv"
fi
