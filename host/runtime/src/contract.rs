//! The versions of the contract that this host speaks, and what they have in common inside the host.
//!
//! Always holds: a version is chosen by the exact name of a component's export, the newest where it exports several; a plugin is linked
//! with the imports of its own version alone. Each version is a folder that converts core's types (a batch, failed changes, a
//! failure) to the guest's and back: nothing beyond this file knows which one a plugin speaks.

use tripline_core::delivery::{Batch, FailedChange, Failure};
use wasmtime::Store;
use wasmtime::component::{InstancePre, Linker};

use crate::guest::Guest;
use crate::wit_v0_1_0;
#[cfg(feature = "test-versions")]
use crate::{wit_v0_0_9, wit_v0_1_1};

/// The export that makes a component a plugin, of whatever version.
pub(crate) const HANDLER: &str = "tripline:trigger/handler";

/// One version of the contract.
pub(crate) struct Contract {
    pub(crate) version: &'static str,
    /// The name of its handler's interface.
    pub(crate) handler: &'static str,
    /// The type of its function `handle`, as `shape` writes it.
    pub(crate) handle: &'static str,
    /// What its plugins may import besides WASI 0.2.
    pub(crate) imports: &'static [&'static str],
    pub(crate) add_to_linker: fn(&mut Linker<Guest>) -> wasmtime::Result<()>,
    /// `Err` when there is no handler.
    pub(crate) link: fn(InstancePre<Guest>) -> wasmtime::Result<Handler>,
}

/// The newest first.
pub(crate) static SPOKEN: &[Contract] = &[
    #[cfg(feature = "test-versions")]
    Contract {
        version: "0.1.1",
        handler: wit_v0_1_1::HANDLER,
        handle: wit_v0_1_1::HANDLE,
        imports: &wit_v0_1_1::IMPORTS,
        add_to_linker: wit_v0_1_1::add_to_linker,
        link: |linked| wit_v0_1_1::Handler::new(linked).map(Handler::V0_1_1),
    },
    Contract {
        version: "0.1.0",
        handler: wit_v0_1_0::HANDLER,
        handle: wit_v0_1_0::HANDLE,
        imports: &wit_v0_1_0::IMPORTS,
        add_to_linker: wit_v0_1_0::add_to_linker,
        link: |linked| wit_v0_1_0::Handler::new(linked).map(Handler::V0_1_0),
    },
    #[cfg(feature = "test-versions")]
    Contract {
        version: "0.0.9",
        handler: wit_v0_0_9::HANDLER,
        handle: wit_v0_0_9::HANDLE,
        imports: &wit_v0_0_9::IMPORTS,
        add_to_linker: wit_v0_0_9::add_to_linker,
        link: |linked| wit_v0_0_9::Handler::new(linked).map(Handler::V0_0_9),
    },
];

/// A linked plugin, ready to be instantiated.
#[derive(Clone)]
pub(crate) enum Handler {
    V0_1_0(wit_v0_1_0::Handler),
    #[cfg(feature = "test-versions")]
    V0_0_9(wit_v0_0_9::Handler),
    #[cfg(feature = "test-versions")]
    V0_1_1(wit_v0_1_1::Handler),
}

pub(crate) enum Instance {
    V0_1_0(wit_v0_1_0::Instance),
    #[cfg(feature = "test-versions")]
    V0_0_9(wit_v0_0_9::Instance),
    #[cfg(feature = "test-versions")]
    V0_1_1(wit_v0_1_1::Instance),
}

impl Handler {
    /// A fresh instance.
    pub(crate) async fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<Instance> {
        match self {
            Self::V0_1_0(handler) => handler.instantiate(store).await.map(Instance::V0_1_0),
            #[cfg(feature = "test-versions")]
            Self::V0_0_9(handler) => handler.instantiate(store).await.map(Instance::V0_0_9),
            #[cfg(feature = "test-versions")]
            Self::V0_1_1(handler) => handler.instantiate(store).await.map(Instance::V0_1_1),
        }
    }
}

impl Instance {
    /// The outer `Err` is a trap; positions are as the guest named them.
    pub(crate) async fn handle(&self, store: &mut Store<Guest>, batch: &Batch) -> wasmtime::Result<Result<Vec<FailedChange>, Failure>> {
        match self {
            Self::V0_1_0(instance) => instance.handle(store, batch).await,
            #[cfg(feature = "test-versions")]
            Self::V0_0_9(instance) => instance.handle(store, batch).await,
            #[cfg(feature = "test-versions")]
            Self::V0_1_1(instance) => instance.handle(store, batch).await,
        }
    }
}
