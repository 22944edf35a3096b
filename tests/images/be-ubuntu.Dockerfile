# As the vendor's docker/dockerfiles/be/be-ubuntu.Dockerfile leaves it: a CN's home is a link to the BE's.
FROM scratch
ADD root.tar /
ENV STARROCKS_ROOT=/opt/starrocks PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY --chown=1000:1000 be /opt/starrocks/be
COPY --chown=1000:1000 *_entrypoint.sh *_prestop.sh /opt/starrocks/
RUN ln -s be /opt/starrocks/cn
WORKDIR /opt/starrocks
