//! The HTTP API of a host.
//!
//! Invariant: an operator reaches a service only through the same verbs and targets as the host itself.

use std::net::SocketAddr;
use std::sync::Arc;

use plan_api::{Api, FolderFiles, ServerHandle, Targets, token};

use crate::error::HostError;
use crate::folder::FILES;
use crate::host::Host;

impl Host {
    /// The API of the host's services, which does not listen yet. It accepts targets for the services that exist. Its token
    /// is the file `token` in the data folder, which is made the first time. The files that operators keep with a service are
    /// in the data folder too. Fields of the result change this.
    ///
    /// # Errors
    /// The token cannot be read or made, or others than its owner may read it.
    pub fn api(&self, listen: SocketAddr) -> Result<Api, HostError> {
        let token = token::load_or_make(self.data_folder())?;
        let mut api = Api::new(self.scheduler().clone(), token, listen);
        api.targets = Targets::Known;
        api.files = Arc::new(FolderFiles::new(self.data_folder().join(FILES)));
        Ok(api)
    }

    /// Serves the API of the host's services at this address of the loopback; port 0 is any free port. The server ends with
    /// the handle. Stop it before [`Host::stop`].
    ///
    /// The program `planwright` is a client: `planwright plan list --url http://ADDRESS --token-file DATA_FOLDER/token`.
    ///
    /// # Errors
    /// The token cannot be used, the address is not on the loopback, or cannot be listened on.
    pub async fn serve(&self, listen: SocketAddr) -> Result<ServerHandle, HostError> {
        Ok(self.api(listen)?.bind().await?.spawn())
    }
}
