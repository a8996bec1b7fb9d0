# SPDX-License-Identifier: BSL-1.0

@0xd2f4c6b8a1907e53;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("peer");

interface Echo {
    echo @0 (payload :Data) -> (payload :Data);
    take @1 (payload :Data) -> (bytes :UInt64);
    items @2 (payload :Data, to :Receiver) -> ();

    interface Receiver {
        item @0 (payload :Data) -> stream;
    }
}
